package image

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
)

// wholeLimit is the size up to which a file's bytes are hashed; larger files and those in folders count
// by path, size, mode and time, so that a pull of a source tree stays fast.
const wholeLimit = 64 << 20

// Digest returns sha256:<hex> over the recipe (tag filled in) and its files, and the size of the files in bytes.
func (r *Recipe) Digest() (digest string, size uint64, err error) {
	h := sha256.New()
	b, err := json.Marshal(r)
	if err != nil {
		return "", 0, err
	}
	h.Write(b)
	for _, f := range r.Files {
		n, err := hashPath(h, f.Host)
		if err != nil {
			return "", 0, fmt.Errorf("TW9020 recipe %s: %w", r.Name, err)
		}
		size += n
	}
	return "sha256:" + hex.EncodeToString(h.Sum(nil)), size, nil
}

func hashPath(w io.Writer, path string) (uint64, error) {
	// The path itself may be a link into a cache, links inside are not followed.
	real, err := filepath.EvalSymlinks(path)
	if err != nil {
		return 0, err
	}
	st, err := os.Stat(real)
	if err != nil {
		return 0, err
	}
	if !st.IsDir() {
		if st.Size() > wholeLimit {
			mark(w, real, st)
			return uint64(st.Size()), nil
		}
		return hashFile(w, real)
	}
	var size uint64
	err = filepath.WalkDir(real, func(p string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && (d.Name() == ".git" || d.Name() == ".tradewind") {
			return filepath.SkipDir
		}
		st, err := d.Info()
		if err != nil {
			if os.IsNotExist(err) {
				return nil
			}
			return err
		}
		if st.Mode().IsRegular() {
			size += uint64(st.Size())
		}
		mark(w, p, st)
		return nil
	})
	return size, err
}

func mark(w io.Writer, path string, st os.FileInfo) {
	if st.IsDir() {
		fmt.Fprintf(w, "%s\x00%o\x00", path, st.Mode())
		return
	}
	fmt.Fprintf(w, "%s\x00%o\x00%d\x00%d\x00", path, st.Mode(), st.Size(), st.ModTime().UnixNano())
}

func hashFile(w io.Writer, path string) (uint64, error) {
	f, err := os.Open(path)
	if err != nil {
		return 0, err
	}
	defer f.Close()
	n, err := io.Copy(w, f)
	return uint64(n), err
}
