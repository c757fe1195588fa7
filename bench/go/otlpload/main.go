// Command otlpload sends OTLP trace requests that are serialized already, over HTTP/1.1 or gRPC, to a server on
// 127.0.0.1. See package pace for what it prints. An answer other than success is an error, one that asks to come again
// later (429, 503, UNAVAILABLE, RESOURCE_EXHAUSTED) is counted as refused.
package main

import (
	"bufio"
	"context"
	"flag"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/encoding"
	"google.golang.org/grpc/mem"
	"google.golang.org/grpc/status"

	"llmflow/bench/pace"
)

const (
	path     = "/v1/traces"
	method   = "/opentelemetry.proto.collector.trace.v1.TraceService/Export"
	patience = 60 * time.Second
)

func main() {
	address := flag.String("address", "", "host:port of the receiver")
	protocol := flag.String("protocol", "http", "http or grpc")
	folder := flag.String("bodies", "", "folder of serialized requests, sent in turns")
	options := pace.Flags()
	flag.Parse()
	if !strings.HasPrefix(*address, "127.0.0.1:") {
		log.Fatal("the target must be on 127.0.0.1")
	}
	bodies := read(*folder)
	var turn atomic.Int64
	next := func() []byte { return bodies[int(turn.Add(1))%len(bodies)] }
	pace.Run(options, func() pace.Client {
		if *protocol == "grpc" {
			return &grpcClient{address: *address, next: next}
		}
		return &httpClient{address: *address, next: next}
	})
}

func read(folder string) [][]byte {
	names, _ := filepath.Glob(filepath.Join(folder, "*"))
	var bodies [][]byte
	for _, name := range names {
		body, err := os.ReadFile(name)
		if err != nil {
			log.Fatal(err)
		}
		bodies = append(bodies, body)
	}
	if len(bodies) == 0 {
		log.Fatal("no bodies")
	}
	return bodies
}

type httpClient struct {
	address string
	next    func() []byte
	socket  net.Conn
	reader  *bufio.Reader
}

func (c *httpClient) Exchange(due time.Time) (pace.Sample, error) {
	if c.socket == nil {
		socket, err := net.DialTimeout("tcp", c.address, 10*time.Second)
		if err != nil {
			return pace.Sample{}, err
		}
		c.socket, c.reader = socket, bufio.NewReader(socket)
	}
	c.socket.SetDeadline(time.Now().Add(patience))
	body := c.next()
	head := fmt.Sprintf("POST %s HTTP/1.1\r\nHost: %s\r\nContent-Type: application/x-protobuf\r\n"+
		"User-Agent: OTel-OTLP-Exporter-Python/1.44.0\r\nContent-Length: %d\r\n\r\n", path, c.address, len(body))
	message := net.Buffers{[]byte(head), body}
	if _, err := message.WriteTo(c.socket); err != nil {
		return pace.Sample{}, err
	}
	response, err := http.ReadResponse(c.reader, nil)
	if err != nil {
		return pace.Sample{}, err
	}
	answer, err := io.ReadAll(response.Body)
	if err != nil {
		return pace.Sample{}, err
	}
	if response.Close {
		c.Close()
	}
	switch response.StatusCode {
	case http.StatusOK:
		passed := pace.Milliseconds(due)
		return pace.Sample{First: passed, Whole: passed}, nil
	case http.StatusTooManyRequests, http.StatusServiceUnavailable:
		return pace.Sample{}, pace.ErrRefused
	default:
		return pace.Sample{}, fmt.Errorf("%s: %.300s", response.Status, answer)
	}
}

func (c *httpClient) Close() {
	if c.socket != nil {
		c.socket.Close()
		c.socket = nil
	}
}

type grpcClient struct {
	address    string
	next       func() []byte
	connection *grpc.ClientConn
}

func (c *grpcClient) Exchange(due time.Time) (pace.Sample, error) {
	if c.connection == nil {
		connection, err := grpc.NewClient(c.address, grpc.WithTransportCredentials(insecure.NewCredentials()),
			grpc.WithDefaultCallOptions(grpc.ForceCodecV2(asIs{})))
		if err != nil {
			return pace.Sample{}, err
		}
		c.connection = connection
	}
	limited, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	var answer []byte
	err := c.connection.Invoke(limited, method, c.next(), &answer)
	switch status.Code(err) {
	case codes.OK:
		passed := pace.Milliseconds(due)
		return pace.Sample{First: passed, Whole: passed}, nil
	case codes.Unavailable, codes.ResourceExhausted:
		return pace.Sample{}, pace.ErrRefused
	default:
		return pace.Sample{}, err
	}
}

func (c *grpcClient) Close() {
	if c.connection != nil {
		c.connection.Close()
		c.connection = nil
	}
}

// asIs takes messages that are bytes already.
type asIs struct{}

var _ encoding.CodecV2 = asIs{}

func (asIs) Marshal(value any) (mem.BufferSlice, error) {
	return mem.BufferSlice{mem.SliceBuffer(value.([]byte))}, nil
}

func (asIs) Unmarshal(data mem.BufferSlice, value any) error {
	*value.(*[]byte) = data.Materialize()
	return nil
}

func (asIs) Name() string { return "proto" }
