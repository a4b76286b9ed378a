import { afterEach, expect, test, vi } from "vitest";
import { offlineEnvironment } from "../../../../shared/core/offline-environment.ts";

afterEach(() => {
  vi.unstubAllEnvs();
});

test("an offline environment is this process's without the additional certificates", () => {
  vi.stubEnv("NODE_EXTRA_CA_CERTS", "/etc/company.pem");
  const { NODE_EXTRA_CA_CERTS: certificates, ...others } = process.env;
  expect(certificates).toBe("/etc/company.pem");
  expect(offlineEnvironment()).toEqual(others);
});
