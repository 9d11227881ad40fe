package runtime

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"sync"
	"time"
)

// lineLimit is where a line is cut into parts, as other runtimes do.
const lineLimit = 16 << 10

// output writes a container's log in the CRI's format and feeds those who are attached.
type output struct {
	path string
	mu   sync.Mutex
	file *os.File
	taps map[*tap]struct{}
}

type tap struct {
	stream string // stdout or stderr
	w      io.Writer
}

func newOutput(path string) *output { return &output{path: path, taps: map[*tap]struct{}{}} }

func (o *output) open() error {
	if o.path == "" {
		return nil
	}
	f, err := os.OpenFile(o.path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o640)
	if err != nil {
		return fmt.Errorf("container log: %w", err)
	}
	o.mu.Lock()
	o.file = f
	o.mu.Unlock()
	return nil
}

func (o *output) reopen() error {
	o.mu.Lock()
	old := o.file
	o.mu.Unlock()
	if old == nil {
		return errors.New("the container does not write a log")
	}
	if err := o.open(); err != nil {
		return err
	}
	return old.Close()
}

func (o *output) close() {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.file != nil {
		o.file.Close()
		o.file = nil
	}
}

// copy moves a stream into the log until the last holder of the pipe is gone.
func (o *output) copy(from io.ReadCloser, stream string) {
	defer from.Close()
	br := bufio.NewReaderSize(from, lineLimit)
	for {
		line, err := br.ReadSlice('\n')
		if len(line) > 0 {
			o.write(stream, line)
		}
		if err != nil && !errors.Is(err, bufio.ErrBufferFull) {
			return
		}
	}
}

// write takes a line, or a part of one: what is cut at lineLimit, or ends with the stream.
func (o *output) write(stream string, line []byte) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for t := range o.taps {
		if t.stream != stream {
			continue
		}
		if _, err := t.w.Write(line); err != nil {
			delete(o.taps, t)
		}
	}
	if o.file == nil {
		return
	}
	tag, text := "F", line
	if text[len(text)-1] == '\n' {
		text = text[:len(text)-1]
	} else {
		tag = "P"
	}
	// A full disk loses log lines, not the container.
	_, _ = fmt.Fprintf(o.file, "%s %s %s %s\n", time.Now().UTC().Format(time.RFC3339Nano), stream, tag, text)
}

// attach copies what comes from now on; the returned function ends it.
func (o *output) attach(stream string, w io.Writer) func() {
	if w == nil {
		return func() {}
	}
	t := &tap{stream, w}
	o.mu.Lock()
	o.taps[t] = struct{}{}
	o.mu.Unlock()
	return func() {
		o.mu.Lock()
		delete(o.taps, t)
		o.mu.Unlock()
	}
}

// stdin is the input of a container that asked for one.
type stdin struct {
	mu   sync.Mutex
	pipe *os.File
	once bool
}

func (s *stdin) feed(in io.Reader) {
	if s == nil || in == nil {
		return
	}
	s.mu.Lock()
	pipe := s.pipe
	s.mu.Unlock()
	if pipe == nil {
		return
	}
	_, _ = io.Copy(pipe, in)
	if s.once {
		s.close()
	}
}

func (s *stdin) close() {
	if s == nil {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.pipe != nil {
		s.pipe.Close()
		s.pipe = nil
	}
}
