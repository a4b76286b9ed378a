/** Names of the sources of credentials, by the function that the vendor's library logs. */
const SOURCES: Readonly<Record<string, string>> = {
  fromEnv: "the environment",
  fromSSO: "single sign-on",
  fromProcess: "`credential_process`",
  fromTokenFile: "web identity (AWS_WEB_IDENTITY_TOKEN_FILE)",
  fromInstanceMetadata: "the instance metadata service",
};

/** Logger of the vendor's library, which tells by its log alone what source of credentials it asks. */
export class ProviderWatch {
  readonly profile: string | undefined;
  #source = "fromEnv";

  constructor(profile: string | undefined) {
    this.profile = profile;
  }

  /** Source that was asked last. */
  get asked(): string {
    if (this.#source === "fromIni") return `profile ${this.profile ?? "default"}`;
    return SOURCES[this.#source] ?? `the container's endpoint${endpointOf(process.env)}`;
  }

  debug(...said: readonly unknown[]): void {
    const [, source] = /(?:defaultProvider|remoteProvider)::(from\w+)/.exec(String(said[0])) ?? [];
    if (source !== undefined) this.#source = source;
  }

  trace(): void {}
  info(): void {}
  /** Warnings of the library are for programmers. */
  warn(): void {}
  error(): void {}
}

function endpointOf(env: NodeJS.ProcessEnv): string {
  const { AWS_CONTAINER_CREDENTIALS_FULL_URI: url, AWS_CONTAINER_CREDENTIALS_RELATIVE_URI: path } = env;
  if (!path && url && URL.canParse(url)) return ` ${new URL(url).host} (AWS_CONTAINER_CREDENTIALS_FULL_URI)`;
  return " (AWS_CONTAINER_CREDENTIALS_RELATIVE_URI)";
}
