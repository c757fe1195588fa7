// Command load sends chat completion requests over a fixed number of kept connections and prints one JSON object.
//
// An answer is an error unless it is a 200 with a whole body of at least -least bytes. See package pace.
package main

import (
	"bufio"
	"flag"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"

	"llmflow/bench/pace"
)

func main() {
	target := flag.String("url", "", "where to send the requests")
	size := flag.Int("size", 1024, "bytes of a request's body")
	stream := flag.Bool("stream", false, "ask for a stream")
	model := flag.String("model", "gpt-4o-mini", "the model asked for")
	least := flag.Int("least", 1, "bytes an answer has at least")
	var headers headerFlags
	flag.Var(&headers, "header", "a header, as `Name: value`; may be repeated")
	options := pace.Flags()
	flag.Parse()

	address, message := request(*target, *model, *size, *stream, headers)
	pace.Run(options, func() pace.Client {
		return &connection{address: address, message: message, least: *least}
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

func (c *connection) Exchange(due time.Time) (pace.Sample, error) {
	if c.socket == nil {
		socket, err := net.DialTimeout("tcp", c.address, 10*time.Second)
		if err != nil {
			return pace.Sample{}, err
		}
		c.socket, c.reader = socket, bufio.NewReaderSize(socket, 32<<10)
	}
	c.socket.SetDeadline(time.Now().Add(60 * time.Second))
	if _, err := c.socket.Write(c.message); err != nil {
		return pace.Sample{}, err
	}
	response, err := http.ReadResponse(c.reader, nil)
	if err != nil {
		return pace.Sample{}, err
	}
	var one pace.Sample
	length := 0
	for {
		read, err := response.Body.Read(c.buffer[:])
		if read > 0 && length == 0 {
			one.First = pace.Milliseconds(due)
		}
		length += read
		if err == io.EOF {
			break
		}
		if err != nil {
			return pace.Sample{}, err
		}
	}
	one.Whole = pace.Milliseconds(due)
	if response.StatusCode != 200 {
		return pace.Sample{}, fmt.Errorf("%s: %s", response.Status, c.buffer[:min(length, 300)])
	}
	if length < c.least {
		return pace.Sample{}, fmt.Errorf("an answer of %d bytes", length)
	}
	if response.Close {
		c.Close()
	}
	return one, nil
}

func (c *connection) Close() {
	if c.socket != nil {
		c.socket.Close()
		c.socket = nil
	}
}
