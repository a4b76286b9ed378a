/** Names of credentials providers, by the function that the AWS library logs. */
const SOURCES: Readonly<Record<string, string>> = {
  fromEnv: "the environment",
  fromSSO: "single sign-on",
  fromProcess: "`credential_process`",
  fromTokenFile: "web identity (AWS_WEB_IDENTITY_TOKEN_FILE)",
  fromInstanceMetadata: "the instance metadata service",
};

/** Logger for the AWS library, whose log is the only sign of the provider that it asks. */
export class ProviderWatch {
  readonly profile: string | undefined;
  #source = "fromEnv";

  constructor(profile: string | undefined) {
    this.profile = profile;
  }

  /** Provider that the library asked last. */
  get requested(): string {
    if (this.#source === "fromIni") return `profile ${this.profile ?? "default"}`;
    return SOURCES[this.#source] ?? `the container's endpoint${endpointOf(process.env)}`;
  }

  debug(...said: readonly unknown[]): void {
    const [, source] = /(?:defaultProvider|remoteProvider)::(from\w+)/.exec(String(said[0])) ?? [];
    if (source !== undefined) this.#source = source;
  }

  trace(): void {}
  info(): void {}
  /** The library's warnings are for programmers, not for users. */
  warn(): void {}
  error(): void {}
}

function endpointOf(env: NodeJS.ProcessEnv): string {
  const { AWS_CONTAINER_CREDENTIALS_FULL_URI: url, AWS_CONTAINER_CREDENTIALS_RELATIVE_URI: path } = env;
  if (!path && url && URL.canParse(url)) return ` ${new URL(url).host} (AWS_CONTAINER_CREDENTIALS_FULL_URI)`;
  return " (AWS_CONTAINER_CREDENTIALS_RELATIVE_URI)";
}
