// Command load sends chat completion requests over a fixed number of kept connections and prints one JSON object.
//
// Without -rate each connection sends its next request when the last is answered. With -rate requests are due at even
// times whatever happened to those before, and their latency counts from when they were due, so that a stall shows in
// every request that it held up. Latencies are milliseconds. An answer is an error unless it is a 200 with a whole body
// of at least -least bytes.
package main

import (
	"bufio"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/url"
	"os"
	"sort"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

type sample struct{ first, whole float64 }

type summary struct {
	Requests int     `json:"requests"`
	Errors   int     `json:"errors"`
	Seconds  float64 `json:"seconds"`
	P50      float64 `json:"p50"`
	P99      float64 `json:"p99"`
	FirstP50 float64 `json:"first_p50"`
	FirstP99 float64 `json:"first_p99"`
	Problem  string  `json:"problem"`
}

func main() {
	target := flag.String("url", "", "where to send the requests")
	connections := flag.Int("connections", 1, "connections kept open")
	rate := flag.Float64("rate", 0, "requests a second, 0 for as many as are answered")
	seconds := flag.Float64("seconds", 5, "for how long")
	requests := flag.Int64("requests", 0, "how many requests at most, 0 for no limit")
	size := flag.Int("size", 1024, "bytes of a request's body")
	stream := flag.Bool("stream", false, "ask for a stream")
	model := flag.String("model", "gpt-4o-mini", "the model asked for")
	least := flag.Int("least", 1, "bytes an answer has at least")
	var headers headerFlags
	flag.Var(&headers, "header", "a header, as `Name: value`; may be repeated")
	flag.Parse()

	address, message := request(*target, *model, *size, *stream, headers)
	begin := time.Now()
	end := begin.Add(time.Duration(*seconds * float64(time.Second)))
	var next atomic.Int64
	var mutex sync.Mutex
	var samples []sample
	problems := 0
	problem := ""
	var workers sync.WaitGroup
	for range *connections {
		workers.Add(1)
		go func() {
			defer workers.Done()
			var mine []sample
			connection := &connection{address: address, message: message, least: *least}
			defer connection.close()
			failed, why := 0, ""
			for {
				number := next.Add(1) - 1
				if *requests > 0 && number >= *requests {
					break
				}
				due := time.Now()
				if *rate > 0 {
					due = begin.Add(time.Duration(float64(number) / *rate * float64(time.Second)))
					if due.Before(end) {
						time.Sleep(time.Until(due))
					}
				}
				if !due.Before(end) {
					break
				}
				one, err := connection.exchange(due)
				if err != nil {
					failed, why = failed+1, err.Error()
					connection.close()
					time.Sleep(10 * time.Millisecond)
					continue
				}
				mine = append(mine, one)
			}
			mutex.Lock()
			defer mutex.Unlock()
			samples = append(samples, mine...)
			problems += failed
			if why != "" {
				problem = why
			}
		}()
	}
	workers.Wait()
	first, whole := make([]float64, len(samples)), make([]float64, len(samples))
	for i, one := range samples {
		first[i], whole[i] = one.first, one.whole
	}
	sort.Float64s(first)
	sort.Float64s(whole)
	json.NewEncoder(os.Stdout).Encode(summary{
		Requests: len(samples), Errors: problems, Seconds: time.Since(begin).Seconds(), Problem: problem,
		P50: quantile(whole, 0.5), P99: quantile(whole, 0.99),
		FirstP50: quantile(first, 0.5), FirstP99: quantile(first, 0.99),
	})
}

type headerFlags []string

func (h *headerFlags) String() string         { return strings.Join(*h, ", ") }
func (h *headerFlags) Set(value string) error { *h = append(*h, value); return nil }

// The headers are those of OpenAI's Python client, but no answer shall be compressed, which some peers would do.
func request(target, model string, size int, stream bool, headers []string) (string, []byte) {
	parsed, err := url.Parse(target)
	if err != nil {
		log.Fatal(err)
	}
	if parsed.Hostname() != "127.0.0.1" {
		log.Fatal("the target must be on 127.0.0.1")
	}
	body := fmt.Sprintf(`{"model":%q,"stream":%t,"temperature":0.7,"messages":[{"role":"system","content":"You are terse."},{"role":"user","content":"`, model, stream)
	const tail = `"}]}`
	sentence := "Tell me about the speed of proxies. "
	text := strings.Repeat(sentence, size/len(sentence)+1)
	body += text[:max(0, size-len(body)-len(tail))] + tail
	lines := []string{
		"POST " + parsed.RequestURI() + " HTTP/1.1",
		"Host: " + parsed.Host,
		"Accept: application/json",
		"Accept-Encoding: identity",
		"Connection: keep-alive",
		"User-Agent: OpenAI/Python 2.8.1",
		"X-Stainless-Lang: python",
		"X-Stainless-Package-Version: 2.8.1",
		"X-Stainless-OS: Linux",
		"X-Stainless-Arch: x64",
		"X-Stainless-Runtime: CPython",
		"X-Stainless-Runtime-Version: 3.11.9",
		"X-Stainless-Async: false",
		"x-stainless-retry-count: 0",
		"x-stainless-read-timeout: 600",
		"Content-Type: application/json",
		fmt.Sprintf("Content-Length: %d", len(body)),
	}
	lines = append(lines, headers...)
	return parsed.Host, []byte(strings.Join(lines, "\r\n") + "\r\n\r\n" + body)
}

type connection struct {
	address string
	message []byte
	least   int
	socket  net.Conn
	reader  *bufio.Reader
	buffer  [32 << 10]byte
}

func (c *connection) exchange(due time.Time) (sample, error) {
	if c.socket == nil {
		socket, err := net.DialTimeout("tcp", c.address, 10*time.Second)
		if err != nil {
			return sample{}, err
		}
		c.socket, c.reader = socket, bufio.NewReaderSize(socket, 32<<10)
	}
	c.socket.SetDeadline(time.Now().Add(60 * time.Second))
	if _, err := c.socket.Write(c.message); err != nil {
		return sample{}, err
	}
	response, err := http.ReadResponse(c.reader, nil)
	if err != nil {
		return sample{}, err
	}
	var one sample
	length := 0
	for {
		read, err := response.Body.Read(c.buffer[:])
		if read > 0 && length == 0 {
			one.first = milliseconds(due)
		}
		length += read
		if err == io.EOF {
			break
		}
		if err != nil {
			return sample{}, err
		}
	}
	one.whole = milliseconds(due)
	if response.StatusCode != 200 {
		return sample{}, fmt.Errorf("%s: %s", response.Status, c.buffer[:min(length, 300)])
	}
	if length < c.least {
		return sample{}, fmt.Errorf("an answer of %d bytes", length)
	}
	if response.Close {
		c.close()
	}
	return one, nil
}

func (c *connection) close() {
	if c.socket != nil {
		c.socket.Close()
		c.socket = nil
	}
}

func milliseconds(since time.Time) float64 { return float64(time.Since(since).Microseconds()) / 1000 }

func quantile(sorted []float64, q float64) float64 {
	if len(sorted) == 0 {
		return 0
	}
	return sorted[min(len(sorted)-1, int(q*float64(len(sorted))))]
}
