// The page of a batch as a careful Go service would answer it: net/http, a pgx pool with cached prepared
// statements, the three selects of a page in one round trip (pgx.Batch), JSON appended to a reused buffer.
// It renders what Callboard renders of arrival order, without cursors, Link, ETag or error details.
//
// usage: DATABASE_URL=... peer PORT
package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"net/http"
	"os"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
)

const (
	batchSQL = `SELECT b.batch_name, b.batch_status, b.calls FROM callboard.api_token t JOIN callboard.batch b ON b.owner_id = t.owner_id
 WHERE t.token_hash = $1 AND t.revoked_at IS NULL AND (t.expires_at IS NULL OR t.expires_at > now()) AND b.batch_id = $2`
	callsSQL = `SELECT position, call_id, phone_number, fields, created_at FROM callboard.call
 WHERE batch_id = $1 AND position BETWEEN $2 AND $3 ORDER BY position`
	attemptsSQL = `SELECT position, call_status, call_duration_ms, recording_url, transcript, created_at FROM callboard.attempt
 WHERE batch_id = $1 AND position BETWEEN $2 AND $3 ORDER BY position, attempt`
	prefix = "/api/call/batch-details/"
)

type attempt struct {
	position   int32
	status     *string
	durationMs *int64
	recording  *string
	transcript *string
	createdAt  *time.Time
}

var (
	pool    *pgxpool.Pool
	buffers = sync.Pool{New: func() any { buffer := make([]byte, 0, 64<<10); return &buffer }}
)

func appendText(out []byte, text *string) []byte {
	if text == nil {
		return append(out, "null"...)
	}
	quoted, _ := json.Marshal(*text)
	return append(out, quoted...)
}

func appendTime(out []byte, at *time.Time) []byte {
	if at == nil {
		return append(out, "null"...)
	}
	return at.UTC().AppendFormat(out, `"2006-01-02T15:04:05.000Z"`)
}

func appendAttempt(out []byte, a *attempt) []byte {
	out = append(out, `{"callStatus":`...)
	out = appendText(out, a.status)
	out = append(out, `,"callDuration":`...)
	if a.durationMs == nil {
		out = append(out, "null"...)
	} else {
		out = strconv.AppendFloat(out, float64(*a.durationMs)/1000, 'f', -1, 64)
	}
	out = append(out, `,"recordingUrl":`...)
	out = appendText(out, a.recording)
	out = append(out, `,"transcript":`...)
	out = appendText(out, a.transcript)
	out = append(out, `,"createdAt":`...)
	out = appendTime(out, a.createdAt)
	return append(out, '}')
}

func readAttempts(rows pgx.Rows) ([]attempt, error) {
	defer rows.Close()
	found := make([]attempt, 0, 32)
	for rows.Next() {
		var a attempt
		if err := rows.Scan(&a.position, &a.status, &a.durationMs, &a.recording, &a.transcript, &a.createdAt); err != nil {
			return nil, err
		}
		found = append(found, a)
	}
	return found, rows.Err()
}

type call struct {
	position  int32
	id        []byte
	phone     *string
	fields    *string
	createdAt *time.Time
}

func readCalls(rows pgx.Rows) ([]call, error) {
	defer rows.Close()
	found := make([]call, 0, 16)
	for rows.Next() {
		var c call
		if err := rows.Scan(&c.position, &c.id, &c.phone, &c.fields, &c.createdAt); err != nil {
			return nil, err
		}
		found = append(found, c)
	}
	return found, rows.Err()
}

func appendCall(out []byte, c *call, attempts []attempt) []byte {
	out = append(out, `{"_id":"`...)
	out = hex.AppendEncode(out, c.id)
	out = append(out, `","phoneNumber":`...)
	out = appendText(out, c.phone)
	if c.fields != nil && len(*c.fields) > 2 {
		out = append(out, ',')
		out = append(out, (*c.fields)[1:len(*c.fields)-1]...)
	}
	out = append(out, `,"phoneLogs":[`...)
	for i := range attempts {
		if i > 0 {
			out = append(out, ',')
		}
		out = appendAttempt(out, &attempts[i])
	}
	out = append(out, `],"createdAt":`...)
	out = appendTime(out, c.createdAt)
	return append(out, '}')
}

func number(text string, otherwise int64) int64 {
	if value, err := strconv.ParseInt(text, 10, 64); err == nil {
		return value
	}
	return otherwise
}

func serve(w http.ResponseWriter, r *http.Request) {
	id := strings.TrimPrefix(r.URL.Path, prefix)
	batchID, err := hex.DecodeString(id)
	query := r.URL.Query()
	page, limit := number(query.Get("page"), 1), number(query.Get("limit"), 10)
	if err != nil || page < 1 || limit < 1 || limit > 1000 {
		http.Error(w, "bad request", http.StatusBadRequest)
		return
	}
	hash := sha256.Sum256([]byte(strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer ")))
	low, high := (page-1)*limit+1, page*limit
	batch := &pgx.Batch{}
	batch.Queue(batchSQL, hash[:], batchID)
	batch.Queue(callsSQL, batchID, low, high)
	batch.Queue(attemptsSQL, batchID, low, high)
	results := pool.SendBatch(context.Background(), batch)
	defer results.Close()
	var name, status *string
	var total int64
	if err := results.QueryRow().Scan(&name, &status, &total); err != nil {
		http.Error(w, "not found", http.StatusNotFound)
		return
	}
	rows, _ := results.Query()
	calls, err := readCalls(rows)
	if err == nil {
		rows, _ = results.Query()
		var attempts []attempt
		if attempts, err = readAttempts(rows); err == nil {
			write(w, id, name, status, page, limit, total, calls, attempts)
			return
		}
	}
	http.Error(w, err.Error(), http.StatusInternalServerError)
}

func write(w http.ResponseWriter, id string, name, status *string, page, limit, total int64, calls []call, attempts []attempt) {
	buffer := buffers.Get().(*[]byte)
	out := append((*buffer)[:0], `{"message":"Calls fetched successfully","status":true,"code":200,"errorMessage":"","data":{"batchId":"`...)
	out = append(out, id...)
	out = append(out, `","batchName":`...)
	out = appendText(out, name)
	out = append(out, `,"batchStatus":`...)
	out = appendText(out, status)
	for _, part := range []struct {
		name  string
		value int64
	}{{`,"page":`, page}, {`,"limit":`, limit}, {`,"total":`, total}, {`,"totalPages":`, (total + limit - 1) / limit}} {
		out = append(out, part.name...)
		out = strconv.AppendInt(out, part.value, 10)
	}
	out = append(out, `,"data":[`...)
	next := 0
	for i := range calls {
		first := next
		for next < len(attempts) && attempts[next].position == calls[i].position {
			next++
		}
		if i > 0 {
			out = append(out, ',')
		}
		out = appendCall(out, &calls[i], attempts[first:next])
	}
	out = append(out, "]}}"...)
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Content-Length", strconv.Itoa(len(out)))
	w.Write(out)
	*buffer = out
	buffers.Put(buffer)
}

func main() {
	config, err := pgxpool.ParseConfig(os.Getenv("DATABASE_URL"))
	if err != nil {
		panic(err)
	}
	config.MaxConns = 16 // more gained nothing on two processors
	config.MinConns = 16
	if pool, err = pgxpool.NewWithConfig(context.Background(), config); err != nil {
		panic(err)
	}
	http.HandleFunc(prefix, serve)
	panic(http.ListenAndServe("127.0.0.1:"+os.Args[1], nil))
}
