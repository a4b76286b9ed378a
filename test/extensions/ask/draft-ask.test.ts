import { describe, expect, it } from "vitest";
import { baseOf, draftAsk, draftBy } from "../../../extensions/ask/draft-ask.ts";
import { NEVER } from "../../../shared/core/abort.ts";
import { typeOfName } from "../../../shared/domain/column-type-names.ts";
import type { Field } from "../../../shared/domain/dataset.ts";
import type { JobDraftContext } from "../../../shared/extension/job-draft.ts";
import { commentedYaml } from "../../../shared/job-file/commented-yaml.ts";

const BASE = "http://127.0.0.1:8000/v1";

function column(name: string): Field {
  return { name, type: typeOfName("string"), nullable: true };
}

function context(given: Partial<JobDraftContext> = {}): JobDraftContext {
  const texts = [column("text")];
  return {
    ...{ fields: [column("id"), ...texts], texts, key: null, env: {}, signal: NEVER },
    freeName: ([name]) => name,
    ...given,
  };
}

const models = (...ids: readonly string[]) => ({ data: ids.map((id) => ({ id, object: "model" })) });

function replied(status: number, value: unknown) {
  const body = typeof value === "string" ? value : JSON.stringify(value);
  return { kind: "reply", status, afterMs: null, body } as const;
}

function yamlOf(value: unknown, given?: Partial<JobDraftContext>): string {
  return commentedYaml(draftBy(replied(200, value), BASE, context(given)).entries, []);
}

/** Returns the error that a function throws. */
function thrown(throwing: () => unknown): unknown {
  try {
    return throwing();
  } catch (error) {
    return error;
  }
}

describe("the draft of a job that asks a server", () => {
  it.each([
    ["http://127.0.0.1:8000", "http://127.0.0.1:8000/v1"],
    ["http://127.0.0.1:8000/", "http://127.0.0.1:8000/v1"],
    ["https://llm.example/v1/", "https://llm.example/v1"],
    ["https://llm.example/v1/chat/completions", "https://llm.example/v1"],
    ["https://llm.example/openai/v4", "https://llm.example/openai/v4"],
  ])("%s has the paths of the protocol below %s", (address, base) => {
    expect(baseOf(address)).toBe(base);
  });

  it.each(["llm.example:8000", "ftp://llm.example", "https://me:secret@llm.example", ""])(
    "an address that is none is refused without being shown: %s",
    (address) => {
      const error = thrown(() => baseOf(address));
      expect(error).toMatchObject({ code: "ARGUMENT_INVALID", fields: { option: "ask" } });
      expect(JSON.stringify(error)).not.toContain("secret");
    },
  );

  it("names the server's model, and asks about the text column", () => {
    const yaml = yamlOf(models("m-1"));
    expect(yaml).toContain(`url: "${BASE}/chat/completions"`);
    expect(yaml).toMatch(/^model: "m-1"$|^model: m-1$/m);
    expect(yaml).toContain('prompt: "Summarize in one sentence: {text}"');
    expect(yaml).not.toMatch(/^key:|^column:/m);
  });

  it("chooses a model that chats, and lists the others as a question", () => {
    const yaml = yamlOf(models("text-embedding-3", "b", "a"));
    expect(yaml).toMatch(/^model: b$/m);
    expect(yaml).toContain("TODO: choose a model. The server also has a, text-embedding-3.");
  });

  it("a server without a model leaves the name open", () => {
    const yaml = yamlOf({ data: [{ id: 7 }, {}, null] });
    expect(yaml).toMatch(/TODO: the server lists no model\. Name one\.\nmodel: MODEL$/m);
  });

  it("the job file refers to the variable of the key", () => {
    const yaml = yamlOf(models("m-1"), { key: "LLM_KEY", env: { LLM_KEY: "sk-1" } });
    expect(yaml).toContain('key: "${LLM_KEY}"');
    expect(yaml).not.toContain("sk-1");
  });

  it("several text columns are named in the question, without those that a question cannot name", () => {
    const texts = [column("title"), column("a{b"), column("body")];
    const yaml = yamlOf(models("m-1"), { texts, freeName: () => "answer_2" });
    expect(yaml).toContain("Summarize in one sentence: title: {title}, body: {body}");
    expect(yaml).toMatch(/^column: answer_2$/m);
  });

  it.each([
    [401, { error: { message: "no key" } }, "needs a key", "--ask-key"],
    [403, "", "needs a key", "--ask-key"],
    [404, "<html>none</html>", "does not list its models", "up to /v1"],
    [200, "<html>a proxy</html>", "does not list its models", "up to /v1"],
    [503, { error: { message: "loading" } }, "does not list its models", "up to /v1"],
  ])("a reply %i %j is an argument error with what to do", (status, value, what, hint) => {
    expect(thrown(() => draftBy(replied(status, value), BASE, context()))).toMatchObject({
      code: "ARGUMENT_INVALID",
      problems: [
        { where: "--ask", what: expect.stringContaining(what), hint: expect.stringContaining(hint) },
      ],
    });
  });

  it("a server that is away, and a variable that is not set, are argument errors", async () => {
    const away = { kind: "broken", why: "connection refused" } as const;
    expect(thrown(() => draftBy(away, BASE, context()))).toMatchObject({
      problems: [{ what: "names a server that does not answer", found: expect.stringContaining("refused") }],
    });
    await expect(draftAsk(BASE, context({ key: "LLM_KEY" }))).rejects.toMatchObject({
      problems: [{ where: "--ask-key", what: expect.stringContaining("LLM_KEY") }],
    });
  });
});
