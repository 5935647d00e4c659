// Package bench holds Kopia, as the engine drives it, against the tools that a
// hoster could use instead: `make bench-engine`. It decides what is measured
// and how, and nothing that runs in production; there is no code in it but that
// of the benchmark itself.
package bench
