// Package control is the protocol of DIR/run/net.sock: one JSON object per line
// and direction, several clients at once, answers in the order of a client's
// requests. A request carries "do", an "id" of the client's choice (any JSON
// value, echoed) and the fields of its verb; unknown fields are errors.
//
//	{"id":1,"do":"machine","name":"sao-node-1","region":"sa-east-1","ip":"10.10.0.11","cidr":"10.10.0.0/16","public":"198.18.1.10"}
//	{"id":1,"ok":true,"gateway":"10.10.0.1","pid":4711}
//	{"id":2,"do":"machineGone","name":"sao-node-1"}                → {"id":2,"ok":true,"existed":true}
//	{"id":3,"do":"vip","ip":"198.18.1.100","region":"sa-east-1","ports":[{"proto":"tcp","port":80,
//	  "targets":[{"ip":"10.10.0.11","port":30080}]}],"check":{"port":30081,"path":"/healthz"}}
//	{"id":3,"ok":true,"vip":{"ip":…,"region":…,"ports":[{"proto","port","targets":[{"ip","port","healthy","why"}]}]}}
//	{"id":4,"do":"vipGone","ip":"198.18.1.100"}                    → {"id":4,"ok":true,"existed":true}
//	{"id":5,"do":"link","from":"sa-east-1","to":"*","both":true,"cut":true} → {"id":5,"ok":true,"links":14}
//	{"id":6,"do":"partition","site":"canadacentral","on":true}     → {"id":6,"ok":true}
//	{"id":9,"do":"isolate","region":"sa-east-1","cidr":"10.10.0.0/16","on":true} → {"id":9,"ok":true}
//	{"id":7,"do":"stats"}                                          → {"id":7,"ok":true,"links":[…],"machines":[…],"vips":[…],…}
//	{"id":8,"do":"door","users":"sao","host":"guestbook.example","port":80} → {"id":8,"ok":true,"url":"http://127.0.0.1:…/?key=…"}
//	{"id":10,"do":"grow"}                                          → {"id":10,"ok":true,"sites":["eu-central-1","users-fra"]}
//
// grow reads net.json again and makes the sites that are new; all others must be as they are.
// link takes any of oneWayMs, jitterPct, lossPct, kbit, cut, and reset (back to
// net.json); from and to are sites (a region, users-<name>, operator, clouds) or
// "*". oneWayMs is the whole delay of that one direction, last miles included; with
// "wide":true from and to are regions, every link between sites located there
// changes, and last miles are added. partition keeps the links' own settings. isolate does
// the same to the machines of one range, public addresses and load balancers included.
//
// A refused request answers {"id":…,"error":"why"}. The verbs are repeatable: the
// same machine or vip again is no error, and removing what is not there neither.
package control

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"sort"
	"strings"
)

// Handler serves one verb. decode fills a struct from the request's own fields;
// the answer must encode as a JSON object (or be nil).
type Handler func(decode func(any) error) (any, error)

// MaxLine bounds a request.
const MaxLine = 1 << 20

// Verb makes a Handler of a function on a decoded request.
func Verb[Req, Res any](f func(Req) (Res, error)) Handler {
	return func(decode func(any) error) (any, error) {
		var r Req
		if err := decode(&r); err != nil {
			return nil, err
		}
		return f(r)
	}
}

// Listen opens the socket for this user alone. A path of more than 107 bytes
// does not fit into a Unix socket address.
func Listen(path string) (net.Listener, error) {
	if len(path) > 107 {
		return nil, fmt.Errorf("socket path has %d bytes, the system allows 107: %s (set TW_SANDBOX_DIR to a shorter directory)", len(path), path)
	}
	if err := os.Remove(path); err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, err
	}
	l, err := net.Listen("unix", path)
	if err != nil {
		return nil, err
	}
	return l, os.Chmod(path, 0o600)
}

// Serve answers clients until the listener closes.
func Serve(l net.Listener, verbs map[string]Handler) {
	for {
		c, err := l.Accept()
		if err != nil {
			return
		}
		go func() {
			defer c.Close()
			Talk(c, c, verbs)
		}()
	}
}

// Talk answers the requests of one client.
func Talk(in io.Reader, out io.Writer, verbs map[string]Handler) {
	s := bufio.NewScanner(in)
	s.Buffer(make([]byte, 4096), MaxLine)
	for s.Scan() {
		if len(bytes.TrimSpace(s.Bytes())) == 0 {
			continue
		}
		if _, err := out.Write(append(Answer(s.Bytes(), verbs), '\n')); err != nil {
			return
		}
	}
	if err := s.Err(); errors.Is(err, bufio.ErrTooLong) {
		fmt.Fprintf(out, `{"id":null,"error":"request longer than %d bytes"}`+"\n", MaxLine)
	}
}

// Answer serves one request line.
func Answer(line []byte, verbs map[string]Handler) []byte {
	var fields map[string]json.RawMessage
	if err := json.Unmarshal(line, &fields); err != nil {
		return reply(nil, nil, fmt.Errorf("not a JSON object: %w", err))
	}
	id := fields["id"]
	var verb string
	if err := json.Unmarshal(fields["do"], &verb); err != nil {
		return reply(id, nil, errors.New(`"do" is missing`))
	}
	h, ok := verbs[verb]
	if !ok {
		return reply(id, nil, fmt.Errorf("unknown verb %q (known: %s)", verb, strings.Join(list(verbs), " ")))
	}
	delete(fields, "id")
	delete(fields, "do")
	res, err := h(func(to any) error {
		b, err := json.Marshal(fields)
		if err != nil {
			return err
		}
		d := json.NewDecoder(bytes.NewReader(b))
		d.DisallowUnknownFields()
		if err := d.Decode(to); err != nil {
			return fmt.Errorf("%s: %s", verb, strings.TrimPrefix(err.Error(), "json: "))
		}
		return nil
	})
	return reply(id, res, err)
}

func reply(id json.RawMessage, res any, err error) []byte {
	if id == nil {
		id = json.RawMessage("null")
	}
	if err != nil {
		b, _ := json.Marshal(map[string]any{"id": id, "error": err.Error()})
		return b
	}
	fields := map[string]json.RawMessage{}
	if res != nil {
		b, err := json.Marshal(res)
		if err == nil {
			err = json.Unmarshal(b, &fields)
		}
		if err != nil {
			return reply(id, nil, err)
		}
	}
	fields["id"], fields["ok"] = id, json.RawMessage("true")
	b, _ := json.Marshal(fields)
	return b
}

func list(verbs map[string]Handler) []string {
	out := make([]string, 0, len(verbs))
	for v := range verbs {
		out = append(out, v)
	}
	sort.Strings(out)
	return out
}
