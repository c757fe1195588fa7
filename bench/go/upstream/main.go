// Command upstream answers like a chat completions API at almost no cost: every byte is made before the first request.
//
// A request whose body asks for a stream gets 50 events, `-gap` apart, each flushed on its own; any other gets a body of
// about 2 KB. Whatever the request's size, it is read to its end. Prints its address once it listens.
package main

import (
	"bytes"
	"flag"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"
)

const chunks = 50

// What asks for a stream, as the load generator writes it and as proxies that write the body anew do.
var streamMarks = [][]byte{[]byte(`"stream":true`), []byte(`"stream": true`)}

func main() {
	listen := flag.String("listen", "127.0.0.1:0", "address")
	gap := flag.Duration("gap", 2*time.Millisecond, "time between two events of a stream")
	flag.Parse()
	plain, events := completion(), stream()
	buffers := sync.Pool{New: func() any { buffer := make([]byte, 64<<10); return &buffer }}

	handler := func(w http.ResponseWriter, r *http.Request) {
		buffer := buffers.Get().(*[]byte)
		defer buffers.Put(buffer)
		streams := false
		for {
			read, err := io.ReadFull(r.Body, *buffer)
			for _, mark := range streamMarks {
				streams = streams || bytes.Contains((*buffer)[:read], mark)
			}
			if err != nil {
				break
			}
		}
		header := w.Header()
		header.Set("x-request-id", "req_0123456789abcdef")
		header.Set("openai-processing-ms", "12")
		if !streams {
			header.Set("content-type", "application/json")
			header.Set("content-length", strconv.Itoa(len(plain)))
			w.Write(plain)
			return
		}
		header.Set("content-type", "text/event-stream; charset=utf-8")
		flusher := w.(http.Flusher)
		next := time.Now()
		for i, event := range events {
			if i > 0 && *gap > 0 {
				next = next.Add(*gap)
				time.Sleep(time.Until(next))
			}
			if _, err := w.Write(event); err != nil {
				return
			}
			flusher.Flush()
		}
	}
	listener, err := net.Listen("tcp", *listen)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(listener.Addr())
	log.Fatal(http.Serve(listener, http.HandlerFunc(handler)))
}

func completion() []byte {
	text := strings.Repeat("All work and no play makes a dull benchmark. ", 38)
	return []byte(`{"id":"chatcmpl-0123456789","object":"chat.completion","created":1700000000,"model":"gpt-4o-mini-2024-07-18",` +
		`"choices":[{"index":0,"message":{"role":"assistant","content":"` + text + `","refusal":null},"logprobs":null,` +
		`"finish_reason":"stop"}],"usage":{"prompt_tokens":200,"completion_tokens":380,"total_tokens":580,` +
		`"prompt_tokens_details":{"cached_tokens":0}},"service_tier":"default","system_fingerprint":"fp_0123456789"}`)
}

// The last event of the fifty carries the usage, with the end mark behind it.
func stream() [][]byte {
	events := make([][]byte, chunks)
	const head = `data: {"id":"chatcmpl-0123456789","object":"chat.completion.chunk","created":1700000000,` +
		`"model":"gpt-4o-mini-2024-07-18","service_tier":"default","system_fingerprint":"fp_0123456789",`
	for i := range events {
		delta := `{"content":" benchmark"}`
		reason := "null"
		switch i {
		case 0:
			delta = `{"role":"assistant","content":"","refusal":null}`
		case chunks - 2:
			delta, reason = `{}`, `"stop"`
		}
		events[i] = []byte(head + `"choices":[{"index":0,"delta":` + delta + `,"logprobs":null,"finish_reason":` + reason +
			`}],"usage":null}` + "\n\n")
	}
	events[chunks-1] = []byte(head + `"choices":[],"usage":{"prompt_tokens":200,"completion_tokens":48,"total_tokens":248}}` +
		"\n\ndata: [DONE]\n\n")
	return events
}
