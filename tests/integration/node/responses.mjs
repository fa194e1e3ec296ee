// One call other than chat by the official SDK, printed as one line of JSON. What the test knows comes from here alone.
//
//   node responses.mjs responses|stream|embeddings|models [--body JSON] [--header NAME=VALUE]...
//
// Environment: OPENAI_BASE_URL, OPENAI_API_KEY (any), COSTWARD_NODE_DIR (where node_modules is).
// Prints {text, kinds, status, headers, calls, data, error}.

import { createRequire } from "node:module";
import { join } from "node:path";
import { parseArgs } from "node:util";

const require = createRequire(join(process.env.COSTWARD_NODE_DIR ?? process.cwd(), "package.json"));
const { OpenAI } = require("openai");

const { values: args, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    body: { type: "string", default: "{}" },
    header: { type: "string", multiple: true, default: [] },
  },
});

let calls = 0;
const client = new OpenAI({
  apiKey: process.env.OPENAI_API_KEY ?? "sk-none",
  fetch: (...call) => {
    calls += 1;
    return fetch(...call);
  },
});

const WATCHED = /^(x-costward-|age$|content-type$|retry-after$|x-should-retry$)/;
const watched = (headers) => Object.fromEntries([...(headers ?? [])].filter(([name]) => WATCHED.test(name)));
const body = JSON.parse(args.body);
const headers = Object.fromEntries(args.header.map((pair) => pair.split(/=(.*)/s).slice(0, 2)));

const KINDS = {
  async responses() {
    const { data, response } = await client.responses.create(body, { headers }).withResponse();
    return { text: data.output_text, data, status: response.status, headers: watched(response.headers) };
  },
  async stream() {
    const { data, response } = await client.responses.create({ ...body, stream: true }, { headers }).withResponse();
    const seen = { text: "", kinds: [] };
    for await (const event of data) {
      seen.kinds.push(event.type);
      seen.text += event.type === "response.output_text.delta" ? event.delta : "";
      seen.data = event.response ?? seen.data;
    }
    return { ...seen, status: response.status, headers: watched(response.headers) };
  },
  async embeddings() {
    const { data, response } = await client.embeddings.create(body, { headers }).withResponse();
    const sizes = data.data.map((row) => row.embedding.length);
    return { data: { sizes, usage: data.usage }, status: response.status, headers: watched(response.headers) };
  },
  async models() {
    const ids = [];
    for await (const model of client.models.list({ headers })) ids.push(model.id);
    return { data: { ids, found: (await client.models.retrieve(ids[0], { headers })).owned_by } };
  },
};

function failed(error) {
  const { status = null, type = null, code = null, message } = error;
  return { status, headers: watched(error.headers), error: { status, type, code, message } };
}

const result = await KINDS[positionals[0]]().catch(failed);
console.log(JSON.stringify({ text: null, kinds: [], error: null, ...result, calls }));
