// The page of a batch as a careful Node.js service would answer it: Fastify, a worker for each of two processors,
// a pg pool with named (prepared) statements, the three selects of a page side by side on the pool.
// It answers what Callboard answers of arrival order, without cursors, Link, ETag or error details.
//
// usage: DATABASE_URL=... node server.js PORT
import cluster from "node:cluster";
import { createHash } from "node:crypto";
import Fastify from "fastify";
import pg from "pg";

const workers = 2;
const text = {
  batch: `SELECT b.batch_name, b.batch_status, b.calls FROM callboard.api_token t JOIN callboard.batch b ON b.owner_id = t.owner_id
          WHERE t.token_hash = $1 AND t.revoked_at IS NULL AND (t.expires_at IS NULL OR t.expires_at > now()) AND b.batch_id = $2`,
  calls: `SELECT position, encode(call_id, 'hex') AS id, phone_number, fields, created_at FROM callboard.call
          WHERE batch_id = $1 AND position BETWEEN $2 AND $3 ORDER BY position`,
  attempts: `SELECT position, call_status, call_duration_ms, recording_url, transcript, created_at FROM callboard.attempt
             WHERE batch_id = $1 AND position BETWEEN $2 AND $3 ORDER BY position, attempt`,
};

const phoneLog = (row) => ({
  callStatus: row.call_status,
  callDuration: row.call_duration_ms === null ? null : Number(row.call_duration_ms) / 1000,
  recordingUrl: row.recording_url,
  transcript: row.transcript,
  createdAt: row.created_at,
});

function callsOf(calls, attempts) {
  let next = 0;
  return calls.map((call) => {
    const phoneLogs = [];
    while (next < attempts.length && attempts[next].position === call.position) phoneLogs.push(phoneLog(attempts[next++]));
    return { _id: call.id, phoneNumber: call.phone_number, ...JSON.parse(call.fields ?? "{}"), phoneLogs, createdAt: call.created_at };
  });
}

async function serve(port) {
  const pool = new pg.Pool({ connectionString: process.env.DATABASE_URL, max: 8, min: 8 });
  const query = (name, values) => pool.query({ name, text: text[name], values });
  const app = Fastify({ logger: false });
  app.get("/api/call/batch-details/:id", async (request, reply) => {
    const page = Number(request.query.page ?? 1);
    const limit = Number(request.query.limit ?? 10);
    if (!/^[0-9a-f]{24}$/i.test(request.params.id) || !(page >= 1) || !(limit >= 1 && limit <= 1000)) return reply.code(400).send({});
    const id = Buffer.from(request.params.id, "hex");
    const hash = createHash("sha256").update((request.headers.authorization ?? "").replace(/^Bearer /, "")).digest();
    const range = [id, (page - 1) * limit + 1, page * limit];
    const [batch, calls, attempts] = await Promise.all([query("batch", [hash, id]), query("calls", range), query("attempts", range)]);
    if (batch.rows.length === 0) return reply.code(404).send({});
    const { batch_name, batch_status, calls: total } = batch.rows[0];
    return {
      message: "Calls fetched successfully", status: true, code: 200, errorMessage: "",
      data: { batchId: request.params.id, batchName: batch_name, batchStatus: batch_status, page, limit, total,
              totalPages: Math.ceil(total / limit), data: callsOf(calls.rows, attempts.rows) },
    };
  });
  await app.listen({ host: "127.0.0.1", port });
}

if (cluster.isPrimary) {
  for (let worker = 0; worker < workers; worker++) cluster.fork();
} else {
  await serve(Number(process.argv[2]));
}
