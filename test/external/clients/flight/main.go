// Reads every flight of a server with Arrow's own client for Go, with concurrent endpoints. Writes each as an
// Arrow file into a folder: main ADDRESS FOLDER. The environment variable SECRET has the secret.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"os"
	"path/filepath"
	"strings"
	"sync"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/flight"
	"github.com/apache/arrow-go/v18/arrow/ipc"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/metadata"
)

func main() {
	log.SetFlags(0)
	if err := run(os.Args[1], os.Args[2]); err != nil {
		log.Fatal(err)
	}
}

func run(address, folder string) error {
	client, err := flight.NewClientWithMiddleware(address, nil, nil, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		return err
	}
	defer client.Close()
	ctx := metadata.AppendToOutgoingContext(context.Background(), "authorization", "Bearer "+os.Getenv("SECRET"))
	listing, err := client.ListFlights(ctx, &flight.Criteria{})
	if err != nil {
		return err
	}
	for {
		info, err := listing.Recv()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		if err := keep(ctx, client, info, folder); err != nil {
			return fmt.Errorf("%v: %w", info.FlightDescriptor.Path, err)
		}
	}
}

func keep(ctx context.Context, client flight.Client, info *flight.FlightInfo, folder string) error {
	schema, err := flight.DeserializeSchema(info.Schema, nil)
	if err != nil {
		return err
	}
	parts := make([][]arrow.RecordBatch, len(info.Endpoint))
	failures := make([]error, len(info.Endpoint))
	var reading sync.WaitGroup
	for at, endpoint := range info.Endpoint {
		reading.Add(1)
		go func() {
			defer reading.Done()
			parts[at], failures[at] = read(ctx, client, endpoint.Ticket)
		}()
	}
	reading.Wait()
	if err := errors.Join(failures...); err != nil {
		return err
	}
	file, err := os.Create(filepath.Join(folder, strings.Join(info.FlightDescriptor.Path, "-")+".arrow"))
	if err != nil {
		return err
	}
	defer file.Close()
	writer, err := ipc.NewFileWriter(file, ipc.WithSchema(schema))
	if err != nil {
		return err
	}
	rows := int64(0)
	for _, part := range parts {
		for _, batch := range part {
			rows += batch.NumRows()
			if err := writer.Write(batch); err != nil {
				return err
			}
		}
	}
	if rows != info.TotalRecords {
		return fmt.Errorf("%d rows where %d were announced", rows, info.TotalRecords)
	}
	return writer.Close()
}

func read(ctx context.Context, client flight.Client, ticket *flight.Ticket) ([]arrow.RecordBatch, error) {
	stream, err := client.DoGet(ctx, ticket)
	if err != nil {
		return nil, err
	}
	reader, err := flight.NewRecordReader(stream)
	if err != nil {
		return nil, err
	}
	defer reader.Release()
	var batches []arrow.RecordBatch
	for reader.Next() {
		batch := reader.RecordBatch()
		batch.Retain()
		batches = append(batches, batch)
	}
	return batches, reader.Err()
}
