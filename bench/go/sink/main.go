// Command sink takes OTLP trace requests over HTTP/1.1 (protobuf, plain or gzip), counts their spans and forgets them.
//
// GET /counts tells how many requests, spans and bytes (as they were sent) have come, and the time between the first
// request and the last, in seconds. Prints its address once it listens.
package main

import (
	"compress/gzip"
	"encoding/binary"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"sync"
	"time"
)

// The path of field numbers to a span in a request: resource_spans, scope_spans, spans.
var path = []uint64{1, 2, 2}

type counts struct {
	Requests int     `json:"requests"`
	Spans    int     `json:"spans"`
	Bytes    int64   `json:"bytes"`
	Seconds  float64 `json:"seconds"`
}

func main() {
	listen := flag.String("listen", "127.0.0.1:0", "address")
	flag.Parse()
	var lock sync.Mutex
	var total counts
	var first time.Time

	http.HandleFunc("GET /counts", func(w http.ResponseWriter, r *http.Request) {
		lock.Lock()
		defer lock.Unlock()
		json.NewEncoder(w).Encode(total)
	})
	http.HandleFunc("POST /v1/traces", func(w http.ResponseWriter, r *http.Request) {
		spans, size, err := take(r)
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		lock.Lock()
		defer lock.Unlock()
		if total.Requests == 0 {
			first = time.Now()
		}
		total.Requests++
		total.Spans += spans
		total.Bytes += size
		total.Seconds = time.Since(first).Seconds()
		w.Header().Set("content-type", "application/x-protobuf")
	})
	listener, err := net.Listen("tcp", *listen)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(listener.Addr())
	log.Fatal(http.Serve(listener, nil))
}

// take reads a request to its end; it says how many spans it holds and how many bytes were sent.
func take(r *http.Request) (int, int64, error) {
	sent := &countingReader{reader: r.Body}
	var body io.Reader = sent
	if r.Header.Get("content-encoding") == "gzip" {
		inflated, err := gzip.NewReader(sent)
		if err != nil {
			return 0, 0, err
		}
		body = inflated
	}
	message, err := io.ReadAll(body)
	if err != nil {
		return 0, 0, err
	}
	spans, err := count(message, path)
	return spans, sent.size, err
}

type countingReader struct {
	reader io.Reader
	size   int64
}

func (c *countingReader) Read(p []byte) (int, error) {
	n, err := c.reader.Read(p)
	c.size += int64(n)
	return n, err
}

// count returns how many messages lie at the end of `path` in a protobuf message.
func count(message []byte, path []uint64) (int, error) {
	if len(path) == 0 {
		return 1, nil
	}
	found := 0
	for len(message) > 0 {
		tag, n := binary.Uvarint(message)
		length, m := binary.Uvarint(message[max(n, 0):])
		if n <= 0 || m <= 0 || tag&7 != 2 || length > uint64(len(message)-n-m) {
			return 0, fmt.Errorf("not an ExportTraceServiceRequest")
		}
		end := n + m + int(length)
		if tag>>3 == path[0] {
			inner, err := count(message[n+m:end], path[1:])
			if err != nil {
				return 0, err
			}
			found += inner
		}
		message = message[end:]
	}
	return found, nil
}
