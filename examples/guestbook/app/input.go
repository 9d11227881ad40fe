package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// maxValue is the longest entry, in bytes of UTF-8.
const maxValue = 4096

var keyShape = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9_.:-]{0,127}$`)

// problem is every error this program answers: {"error": {"code", "message", …}}.
type problem struct {
	Status  int    `json:"-"`
	Code    string `json:"code"`
	Message string `json:"message"`
	// Cause is what Redis or the network said.
	Cause string `json:"cause,omitempty"`
	Limit int    `json:"limit,omitempty"`
	Got   int    `json:"got,omitempty"`
}

// target reads the key of the path and ?last=N (0 = the whole list).
func target(w http.ResponseWriter, r *http.Request) (string, int64, *problem) {
	key := r.PathValue("key")
	if !keyShape.MatchString(key) {
		return "", 0, &problem{Status: http.StatusBadRequest, Code: "bad_key", Message: "A key has 1 to 128 letters, digits and . _ : - and begins with a letter or digit."}
	}
	if seen, ok := w.(*seenWriter); ok {
		seen.key = key
	}
	text := r.URL.Query().Get("last")
	if text == "" {
		return key, 0, nil
	}
	last, err := strconv.ParseInt(text, 10, 32)
	if err != nil || last < 1 {
		return "", 0, &problem{Status: http.StatusBadRequest, Code: "bad_last", Message: "last must be a whole number from 1."}
	}
	return key, last, nil
}

func tooLong(got int) problem {
	return problem{Status: http.StatusRequestEntityTooLarge, Code: "value_too_long", Message: fmt.Sprintf("An entry has at most %d bytes.", maxValue), Limit: maxValue, Got: max(got, 0)}
}

// checkValue refuses what is no entry: nothing, too much, or no text.
func checkValue(value string) *problem {
	if len(value) > maxValue {
		p := tooLong(len(value))
		return &p
	}
	if strings.TrimSpace(value) == "" {
		return &problem{Status: http.StatusBadRequest, Code: "empty_value", Message: "An entry needs at least one character."}
	}
	control := func(r rune) bool { return unicode.IsControl(r) && r != '\n' && r != '\r' && r != '\t' }
	if !utf8.ValidString(value) || strings.ContainsFunc(value, control) {
		return &problem{Status: http.StatusBadRequest, Code: "not_text", Message: "An entry must be UTF-8 text without control characters."}
	}
	return nil
}

func storeProblem(err error) problem {
	switch {
	case errors.Is(err, errWrongType):
		return problem{Status: http.StatusConflict, Code: "wrong_type", Message: "This key holds something that is no list."}
	case errors.Is(err, errUnknown):
		return problem{Status: http.StatusServiceUnavailable, Code: "write_unknown", Message: "Redis did not answer in time. The entry may be stored or not: look before you send it again.", Cause: err.Error()}
	case errors.Is(err, errUnread):
		return problem{Status: http.StatusServiceUnavailable, Code: "stored_unread", Message: "The entry is stored; the list could not be read back.", Cause: err.Error()}
	}
	return problem{Status: http.StatusServiceUnavailable, Code: "redis_unavailable", Message: "The guestbook cannot reach its Redis. Nothing was changed.", Cause: err.Error()}
}

func fail(w http.ResponseWriter, p problem) {
	if seen, ok := w.(*seenWriter); ok {
		seen.why = strings.TrimSpace(p.Message + " " + p.Cause)
	}
	if p.Status == http.StatusServiceUnavailable {
		w.Header().Set("Retry-After", "1")
	}
	writeJSON(w, p.Status, map[string]problem{"error": p})
}

// writeJSON indents like the well-known guestbook does; <, > and & are escaped.
func writeJSON(w http.ResponseWriter, status int, value any) {
	text, err := json.MarshalIndent(value, "", "  ")
	if err != nil {
		panic(err)
	}
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.WriteHeader(status)
	_, _ = w.Write(append(text, '\n'))
}
