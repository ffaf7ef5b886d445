// node-oracledb in thin mode: the steps of `steps.py`, with the same argument and the same report.

"use strict";

const oracledb = require("oracledb");

const IMPATIENCE_MILLISECONDS = 500;
const SESSIONS = 30;

const login = JSON.parse(process.argv[2]);

function connect(changes = {}) {
  const { host, port, service_name: service, user, password } = { ...login, ...changes };
  return oracledb.getConnection({ user, password, connectString: `${host}:${port}/${service}` });
}

async function connected(use) {
  const connection = await connect();
  try {
    return await use(connection);
  } finally {
    await connection.close();
  }
}

// A double cannot hold every NUMBER: each is read as text. JSON writes a Date in ISO's format.
function numberAsText(metadata) {
  return metadata.dbType === oracledb.DB_TYPE_NUMBER ? { type: oracledb.STRING } : undefined;
}

async function read(connection, query, fetchSize = 100) {
  const options = {
    fetchArraySize: fetchSize,
    prefetchRows: fetchSize,
    fetchTypeHandler: numberAsText,
  };
  return (await connection.execute(query, [], options)).rows;
}

async function errorOf(promise) {
  try {
    await promise;
  } catch (error) {
    return error.message;
  }
  return "no error";
}

function readAll(query, fetchSize) {
  return connected((connection) => read(connection, query, fetchSize));
}

async function interrupted(connection, query) {
  const begun = performance.now();
  const error = await errorOf(read(connection, query));
  const seconds = (performance.now() - begun) / 1000;
  connection.callTimeout = 0;
  return { error, seconds, then: await read(connection, "SELECT 1 FROM dual") };
}

async function manyRows(connection) {
  const answers = {};
  for (const size of login.fetch_sizes) {
    answers[size] = await read(connection, "SELECT * FROM many_rows ORDER BY id", size);
  }
  return answers;
}

async function binds(connection) {
  const rows = [
    [1, "one"],
    [-2.5, "Ж".repeat(300)],
    [null, null],
  ];
  const bindDefs = [{ type: oracledb.NUMBER }, { type: oracledb.STRING, maxSize: 1000 }];
  await connection.executeMany("INSERT INTO bound (id, text) VALUES (:1, :2)", rows, { bindDefs });
  await connection.execute("UPDATE bound SET id = :1 WHERE id = :2", [123456789, 1]);
  try {
    return await read(connection, "SELECT id, text FROM bound ORDER BY id");
  } finally {
    await connection.execute("DELETE FROM bound");
    await connection.commit();
  }
}

async function snapshot(reader, writer) {
  const count = "SELECT count(*) FROM changing";
  await reader.execute("SET TRANSACTION READ ONLY");
  const counts = [await read(reader, count)];
  await writer.execute("INSERT INTO changing (id) VALUES (1)");
  await writer.commit();
  counts.push(await read(reader, count));
  await reader.commit();
  counts.push(await read(reader, count));
  await writer.execute("DELETE FROM changing");
  await writer.commit();
  return counts;
}

function cancel(connection) {
  setTimeout(() => connection.break(), IMPATIENCE_MILLISECONDS);
  return interrupted(connection, "SELECT id FROM endless");
}

function callTimeout(connection) {
  connection.callTimeout = IMPATIENCE_MILLISECONDS;
  return interrupted(connection, "SELECT id FROM endless");
}

function goOnAfter(query) {
  return connected((connection) => interrupted(connection, query));
}

async function thirtySessions() {
  const connections = await Promise.all(Array.from({ length: SESSIONS }, () => connect()));
  const queries = connections.map((connection, number) =>
    read(connection, `SELECT value FROM numbers WHERE id = ${number}`),
  );
  const answers = await Promise.all(queries);
  await Promise.all(connections.map((connection) => connection.close()));
  return answers;
}

const steps = {
  "log in": () => readAll("SELECT sys_context('userenv', 'service_name') FROM dual"),
  "wrong password": () => errorOf(connect({ password: "wrong" })),
  "unknown service": () => errorOf(connect({ service_name: "NOWHERE" })),
  numbers: () => readAll("SELECT * FROM numbers ORDER BY id", 1),
  "many rows": () => connected(manyRows),
  binds: () => connected(binds),
  snapshot: () => connected((reader) => connected((writer) => snapshot(reader, writer))),
  texts: () => readAll("SELECT * FROM texts ORDER BY id"),
  moments: () => readAll("SELECT * FROM moments ORDER BY id"),
  "floats and bytes": async () => {
    const rows = await readAll("SELECT * FROM floats_and_bytes ORDER BY id");
    return rows.map((row) =>
      row.map((value) => (Buffer.isBuffer(value) ? value.toString("hex") : value)),
    );
  },
  cancel: () => connected(cancel),
  "call timeout": () => connected(callTimeout),
  "missing table": () => goOnAfter("SELECT id FROM missing"),
  "error in fetch": () => goOnAfter("SELECT id FROM too_old"),
  "thirty sessions": thirtySessions,
};

async function main() {
  for (const [step, take] of Object.entries(steps)) {
    let outcome;
    try {
      outcome = { answer: await take() };
    } catch (error) {
      outcome = { failure: error.stack };
    }
    process.stdout.write(`${JSON.stringify({ step, ...outcome })}\n`);
  }
}

main();
