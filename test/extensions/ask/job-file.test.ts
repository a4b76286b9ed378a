import { expect, it } from "vitest";
import { readYamlTree } from "../../../shared/job-file/yaml-tree.ts";

it("variables of secrets are left to the workers, and all others are expanded", () => {
  const text = `map:
  prepare:
    - ask: { url: "\${LLM_URL}/v1", key: "\${LLM_KEY}", headers: { x-team: "a-\${TEAM}" }, prompt: "\${NAME}" }
`;
  const env = { LLM_URL: "http://host", LLM_KEY: "sk-1", TEAM: "t", NAME: "n" };
  const { value, problems } = readYamlTree(text, "job.yaml", env);
  expect(problems).toEqual([]);
  const ask = { url: "http://host/v1", key: "${LLM_KEY}", headers: { "x-team": "a-${TEAM}" }, prompt: "n" };
  expect(value).toEqual({ map: { prepare: [{ ask }] } });
});
