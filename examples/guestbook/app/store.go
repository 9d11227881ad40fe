package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/maintnotifications"
)

// Entries is a list and where it was read: "master" or "replica". Total is the length of the whole list.
type Entries struct {
	Values []string
	Total  int64
	From   string
}

// Store keeps lists of text. last > 0 limits the answer to the newest entries.
type Store interface {
	// List reads from the replica, and from the master when no replica answers.
	List(ctx context.Context, key string, last int64) (Entries, error)
	// Push appends one value on the master, once, and returns the master's list after it.
	Push(ctx context.Context, key, value string, last int64) (Entries, error)
	// Info is the master's INFO text.
	Info(ctx context.Context) (string, error)
	// Ping tells why the master cannot take writes.
	Ping(ctx context.Context) error
	Close() error
}

var (
	errUnavailable = errors.New("redis is unavailable")
	// errUnknown: the value was sent and no answer came, so it may be stored or not.
	errUnknown = errors.New("the outcome of the write is unknown")
	// errUnread: the value is stored, only the list could not be read back.
	errUnread    = errors.New("stored, but the list could not be read back")
	errWrongType = errors.New("the key holds no list")
)

// hold is how long a request waits for a Redis that is starting or moving, so that a short change of the
// master is latency for a user and no error.
const hold = 2 * time.Second

type redisStore struct{ master, replica *redis.Client }

func newRedisStore(cfg Config, log *slog.Logger) *redisStore {
	redis.SetLogger(redisLog{log})
	return &redisStore{client(cfg.Master, cfg), client(cfg.Replica, cfg)}
}

// client never repeats a command by itself: a repeated RPUSH would store an entry twice.
func client(addr string, cfg Config) *redis.Client {
	return redis.NewClient(&redis.Options{
		Addr: addr, Password: cfg.Password, Protocol: 2, DisableIdentity: true,
		MaxRetries: -1, DialerRetries: 1,
		DialTimeout: time.Second, ReadTimeout: cfg.Timeout, WriteTimeout: cfg.Timeout,
		ContextTimeoutEnabled: true,
		PoolSize:              16, ConnMaxIdleTime: time.Minute,
		MaintNotificationsConfig: &maintnotifications.Config{Mode: maintnotifications.ModeDisabled},
	})
}

func (s *redisStore) List(ctx context.Context, key string, last int64) (Entries, error) {
	var out Entries
	err := holding(ctx, func() error {
		var err error
		if out, err = read(ctx, s.replica, key, last); err == nil {
			out.From = "replica"
			return nil
		}
		if errors.Is(err, errWrongType) {
			return err
		}
		out, err = read(ctx, s.master, key, last)
		out.From = "master"
		return err
	})
	return out, err
}

func (s *redisStore) Push(ctx context.Context, key, value string, last int64) (Entries, error) {
	out := Entries{From: "master"}
	err := holding(ctx, func() error {
		var length *redis.IntCmd
		var list *redis.StringSliceCmd
		_, all := s.master.Pipelined(ctx, func(p redis.Pipeliner) error {
			length = p.RPush(ctx, key, value)
			list = p.LRange(ctx, key, -last, -1)
			return nil
		})
		if err := length.Err(); err != nil {
			return writeError(err)
		}
		if all != nil {
			return fmt.Errorf("%w: %w", errUnread, all)
		}
		out.Values, out.Total = list.Val(), length.Val()
		return nil
	})
	return out, err
}

func (s *redisStore) Info(ctx context.Context) (string, error) {
	text, err := s.master.Info(ctx).Result()
	return text, readError(err)
}

func (s *redisStore) Ping(ctx context.Context) error { return readError(s.master.Ping(ctx).Err()) }

func (s *redisStore) Close() error { return errors.Join(s.master.Close(), s.replica.Close()) }

func read(ctx context.Context, from *redis.Client, key string, last int64) (Entries, error) {
	var length *redis.IntCmd
	var list *redis.StringSliceCmd
	_, err := from.Pipelined(ctx, func(p redis.Pipeliner) error {
		length = p.LLen(ctx, key)
		list = p.LRange(ctx, key, -last, -1)
		return nil
	})
	if err != nil {
		return Entries{}, readError(err)
	}
	return Entries{Values: list.Val(), Total: length.Val()}, nil
}

// holding repeats try while Redis is unavailable, for at most `hold`.
func holding(ctx context.Context, try func() error) error {
	end := time.Now().Add(hold)
	for pause := 50 * time.Millisecond; ; pause = min(2*pause, 400*time.Millisecond) {
		err := try()
		if !errors.Is(err, errUnavailable) || time.Now().Add(pause).After(end) {
			return err
		}
		select {
		case <-ctx.Done():
			return err
		case <-time.After(pause):
		}
	}
}

func readError(err error) error {
	switch {
	case err == nil:
		return nil
	case redis.HasErrorPrefix(err, "WRONGTYPE"):
		return errWrongType
	}
	return fmt.Errorf("%w: %w", errUnavailable, err)
}

// writeError tells "surely not stored" (unavailable) from "perhaps stored" (unknown).
func writeError(err error) error {
	var reply redis.Error
	var op *net.OpError
	switch {
	case redis.HasErrorPrefix(err, "WRONGTYPE"):
		return errWrongType
	case redis.HasErrorPrefix(err, "TWUNKNOWN"): // from Tradewind's state gateway
		return fmt.Errorf("%w: %w", errUnknown, err)
	case errors.As(err, &reply), errors.Is(err, redis.ErrPoolTimeout), errors.As(err, &op) && op.Op == "dial":
		return fmt.Errorf("%w: %w", errUnavailable, err)
	}
	return fmt.Errorf("%w: %w", errUnknown, err)
}

type redisLog struct{ log *slog.Logger }

func (l redisLog) Printf(_ context.Context, format string, v ...any) {
	l.log.Debug("redis client", "message", fmt.Sprintf(format, v...))
}
