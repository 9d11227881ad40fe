package main

import (
	"fmt"
	"os"
	"regexp"
	"strings"
	"time"
)

// Config is what the environment says; see configFrom for names and defaults.
type Config struct {
	Listen                        string
	Master, Replica               string // host:port
	Password                      string
	Cluster, Region, Version, Pod string
	StateMode                     string
	// Timeout is how long one answer of Redis may take.
	Timeout      time.Duration
	Drain, Grace time.Duration
	Variant      variant
	// VariantCluster is where a variant that is never ready is not.
	VariantCluster string
}

// configFrom reads LISTEN, REDIS_MASTER, REDIS_SLAVE (host:port), REDIS_PASSWORD, CLUSTER_NAME, REGION,
// APP_VERSION, POD_NAME, STATE_MODE, REDIS_TIMEOUT, DRAIN and GRACE (durations such as 2s), VARIANT and
// VARIANT_CLUSTER. The host names of Redis are those of the well-known guestbook.
func configFrom(env func(string) string) (Config, error) {
	or := func(name, standard string) string {
		if v := strings.TrimSpace(env(name)); v != "" {
			return v
		}
		return standard
	}
	host, _ := os.Hostname()
	cfg := Config{
		Listen:    or("LISTEN", ":8080"),
		Master:    or("REDIS_MASTER", "redis-master:6379"),
		Replica:   or("REDIS_SLAVE", "redis-slave:6379"),
		Password:  env("REDIS_PASSWORD"),
		Cluster:   or("CLUSTER_NAME", "unknown"),
		Region:    or("REGION", "unknown"),
		Version:   or("APP_VERSION", "unknown"),
		Pod:       or("POD_NAME", host),
		StateMode: or("STATE_MODE", ""),
	}
	cfg.VariantCluster = or("VARIANT_CLUSTER", "mtl")
	var err error
	if cfg.Variant, err = variantNamed(or("VARIANT", "")); err != nil {
		return cfg, err
	}
	if cfg.Timeout, err = time.ParseDuration(or("REDIS_TIMEOUT", "2s")); err != nil || cfg.Timeout <= 0 {
		return cfg, fmt.Errorf("REDIS_TIMEOUT=%q is no duration such as 2s", env("REDIS_TIMEOUT"))
	}
	if cfg.Drain, err = time.ParseDuration(or("DRAIN", "1s")); err != nil || cfg.Drain < 0 {
		return cfg, fmt.Errorf("DRAIN=%q is no duration such as 1s", env("DRAIN"))
	}
	if cfg.Grace, err = time.ParseDuration(or("GRACE", "15s")); err != nil || cfg.Grace < 0 {
		return cfg, fmt.Errorf("GRACE=%q is no duration such as 15s", env("GRACE"))
	}
	return cfg, nil
}

var (
	secretName  = regexp.MustCompile(`(?i)pass|secret|token|key|cred|auth|private|cookie|session|dsn|cert|signature|salt`)
	secretValue = regexp.MustCompile(`://[^/\s@]+@|-----BEGIN|^eyJ[\w-]+\.|\bAKIA[A-Z0-9]{16}\b`)
)

// masked turns KEY=value lines into a map in which whatever looks like a secret, by name or by value, is hidden.
func masked(environ []string) map[string]string {
	out := make(map[string]string, len(environ))
	for _, line := range environ {
		name, value, ok := strings.Cut(line, "=")
		if !ok || name == "" {
			continue
		}
		if value != "" && (secretName.MatchString(name) || secretValue.MatchString(value)) {
			value = "(hidden)"
		}
		out[name] = value
	}
	return out
}
