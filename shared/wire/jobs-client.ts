import type { ChannelOptions } from "@grpc/grpc-js";
import type { Credential } from "../access/credential.ts";
import { formatAddress, parseAddress } from "./address.ts";
import { addressFileOf } from "./address-file.ts";
import { followAddress } from "./follow-address.ts";
import { Peer } from "./peer.ts";
import { infoClients, jobsClient } from "./service-clients.ts";
import type { CoordinatorServices } from "./services.ts";

/** Client of a coordinator, with the services for people. */
export interface JobsClient extends Pick<CoordinatorServices, "jobs" | "workers" | "server"> {
  /** Resolves once connected. @throws {COORDINATOR_UNREACHABLE} after `waitMs` */
  waitReady(waitMs: number): Promise<void>;
  /** Ends the connections. Open calls reject with INTERRUPTED. */
  close(): void;
}

/** Limit of a control call. It is a third of a lease, so a lost heartbeat can be sent again in time. */
export const CONTROL_MS = 10_000;

/**
 * Options of all channels.
 *
 * - `keepalive`: detects a broken connection within 40 s, because watch has no deadline. A process that is
 *   blocked for some seconds stays connected.
 * - `backoff`: reconnects within a second of a coordinator's restart. The default grows to two minutes.
 * - `dns`: looks the name up again after 5 s, not 30, because the coordinator may restart elsewhere.
 * - `subchannel_pool`: two clients in one process would otherwise share a connection and its limit of
 *   streams.
 * - `http_proxy`: off, because coordinators are nearby, and proxies rarely support long streams.
 */
export const CHANNEL_OPTIONS = {
  "grpc.keepalive_time_ms": 20_000,
  "grpc.keepalive_timeout_ms": 20_000,
  "grpc.initial_reconnect_backoff_ms": 200,
  "grpc.max_reconnect_backoff_ms": 800,
  "grpc.dns_min_time_between_resolutions_ms": 5_000,
  "grpc.service_config_disable_resolution": 1,
  "grpc.enable_http_proxy": 0,
  "grpc.use_local_subchannel_pool": 1,
} as const satisfies ChannelOptions;

/**
 * Limit of control messages. A job description may have 20,000 class names and as many columns. A list of
 * jobs may have a thousand statuses. Both are some MiB. Larger messages would block the thread that renews
 * leases for too long.
 */
export const CONTROL_OPTIONS: ChannelOptions = {
  ...CHANNEL_OPTIONS,
  "grpc.max_receive_message_length": 16 << 20,
};

/**
 * Connects to the coordinator at `address`, as `connectCoordinator` does. A command that only asks for jobs
 * loads neither the calls of workers nor the schemas of job files.
 *
 * @throws {ARGUMENT_INVALID} when `address` is invalid
 */
export function connectJobs(address: string, credential: Credential): JobsClient {
  const file = addressFileOf(address);
  if (file !== null) return followAddress(file, (found) => connectTo(found, credential));
  return connectTo(address, credential);
}

function connectTo(address: string, credential: Credential): JobsClient {
  const peer = new Peer(formatAddress(parseAddress(address, "connect")), credential, CONTROL_OPTIONS);
  return {
    jobs: jobsClient(peer, CONTROL_MS),
    ...infoClients(peer, CONTROL_MS),
    waitReady: (waitMs) => peer.waitReady(waitMs),
    close: () => peer.close(),
  };
}
