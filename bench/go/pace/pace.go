// Package pace sends requests over a fixed number of clients, as fast as they are answered or at a given rate, and prints
// one JSON object of what it saw.
//
// Without a rate each client sends its next request when the last is answered. With one, requests are due at even times
// whatever happened to those before, and their latency counts from when they were due, so that a stall shows in every
// request that it held up. Latencies are milliseconds.
package pace

import (
	"encoding/json"
	"errors"
	"flag"
	"os"
	"sort"
	"sync"
	"sync/atomic"
	"time"
)

// ErrRefused is a server's word that it has too much to do now; such requests are counted apart from failures.
var ErrRefused = errors.New("refused")

// Sample is one answered request: milliseconds to the first and to the last byte of the answer.
type Sample struct{ First, Whole float64 }

// Client sends one request after the other; latencies count from due.
type Client interface {
	Exchange(due time.Time) (Sample, error)
	Close()
}

// Options are how many requests are sent, and how fast.
type Options struct {
	Connections   int
	Rate, Seconds float64
	Requests      int64
}

type summary struct {
	Requests int     `json:"requests"`
	Refused  int     `json:"refused"`
	Errors   int     `json:"errors"`
	Seconds  float64 `json:"seconds"`
	P50      float64 `json:"p50"`
	P99      float64 `json:"p99"`
	FirstP50 float64 `json:"first_p50"`
	FirstP99 float64 `json:"first_p99"`
	Problem  string  `json:"problem"`
}

// Flags adds the options to the command line; they are set once it is parsed.
func Flags() *Options {
	options := &Options{}
	flag.IntVar(&options.Connections, "connections", 1, "connections kept open")
	flag.Float64Var(&options.Rate, "rate", 0, "requests a second, 0 for as many as are answered")
	flag.Float64Var(&options.Seconds, "seconds", 5, "for how long")
	flag.Int64Var(&options.Requests, "requests", 0, "how many requests at most, 0 for no limit")
	return options
}

// Run sends the requests, each connection by a client of its own, and prints the summary.
func Run(options *Options, connect func() Client) {
	begin := time.Now()
	end := begin.Add(time.Duration(options.Seconds * float64(time.Second)))
	var next atomic.Int64
	var mutex sync.Mutex
	var samples []Sample
	refused, failed, problem := 0, 0, ""
	var workers sync.WaitGroup
	for range options.Connections {
		workers.Add(1)
		go func() {
			defer workers.Done()
			client := connect()
			defer client.Close()
			var mine []Sample
			no, bad, why := 0, 0, ""
			for {
				number := next.Add(1) - 1
				if options.Requests > 0 && number >= options.Requests {
					break
				}
				due := time.Now()
				if options.Rate > 0 {
					due = begin.Add(time.Duration(float64(number) / options.Rate * float64(time.Second)))
					if due.Before(end) {
						time.Sleep(time.Until(due))
					}
				}
				if !due.Before(end) {
					break
				}
				one, err := client.Exchange(due)
				switch {
				case err == nil:
					mine = append(mine, one)
				case errors.Is(err, ErrRefused):
					no++
				default:
					bad, why = bad+1, err.Error()
					client.Close()
					time.Sleep(10 * time.Millisecond)
				}
			}
			mutex.Lock()
			defer mutex.Unlock()
			samples = append(samples, mine...)
			refused, failed = refused+no, failed+bad
			if why != "" {
				problem = why
			}
		}()
	}
	workers.Wait()
	first, whole := make([]float64, len(samples)), make([]float64, len(samples))
	for i, one := range samples {
		first[i], whole[i] = one.First, one.Whole
	}
	sort.Float64s(first)
	sort.Float64s(whole)
	json.NewEncoder(os.Stdout).Encode(summary{
		Requests: len(samples), Refused: refused, Errors: failed, Seconds: time.Since(begin).Seconds(), Problem: problem,
		P50: quantile(whole, 0.5), P99: quantile(whole, 0.99),
		FirstP50: quantile(first, 0.5), FirstP99: quantile(first, 0.99),
	})
}

// Milliseconds that have passed since a time.
func Milliseconds(since time.Time) float64 { return float64(time.Since(since).Microseconds()) / 1000 }

func quantile(sorted []float64, q float64) float64 {
	if len(sorted) == 0 {
		return 0
	}
	return sorted[min(len(sorted)-1, int(q*float64(len(sorted))))]
}
