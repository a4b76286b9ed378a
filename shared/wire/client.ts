import type { ChannelOptions } from "@grpc/grpc-js";
import type { Credential } from "../access/credential.ts";
import { formatAddress, parseAddress } from "./address.ts";
import { addressFileOf } from "./address-file.ts";
import { dataClient } from "./client-data.ts";
import { followAddress } from "./follow-address.ts";
import { Peer } from "./peer.ts";
import { infoClients, jobsClient, workClient } from "./service-clients.ts";
import type { CoordinatorServices } from "./services.ts";

/** Client of a coordinator, with its services. */
export interface CoordinatorClient extends CoordinatorServices {
  /** Resolves once connected. @throws {COORDINATOR_UNREACHABLE} after `waitMs` */
  waitReady(waitMs: number): Promise<void>;
  /** Ends the connections. Open calls reject with INTERRUPTED. */
  close(): void;
}

export interface ClientOptions {
  /** Limit of an ordinary call. */
  readonly controlMs?: number;
  /** Limit to establish a connection before the next attempt. */
  readonly connectMs?: number;
}

/** Limit of a control call. It is a third of a lease, so a lost heartbeat can be sent again in time. */
const CONTROL_MS = 10_000;

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
const CHANNEL_OPTIONS = {
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
const CONTROL_OPTIONS: ChannelOptions = {
  ...CHANNEL_OPTIONS,
  "grpc.max_receive_message_length": 16 << 20,
};

/**
 * Limits of data messages. Chunks have at most 1 MiB. The window bounds the data in flight: 4 MiB allows 200
 * MB/s at a round trip of 20 ms, the default of 64 KiB only 3. It also bounds the memory that one slow reader
 * can occupy.
 */
const DATA_OPTIONS: ChannelOptions = {
  ...CHANNEL_OPTIONS,
  "grpc.max_receive_message_length": 2 << 20,
  "grpc-node.flow_control_window": 4 << 20,
};

/**
 * Connects to the coordinator at `address`: `host:port`, or `@FILE` with the current address. `credential`
 * identifies the user. The first call connects. Control and data have separate connections, so that
 * heartbeats never wait for downloads.
 *
 * @throws {ARGUMENT_INVALID} when `address` is invalid
 */
export function connectCoordinator(
  address: string,
  credential: Credential,
  options: ClientOptions = {},
): CoordinatorClient {
  const file = addressFileOf(address);
  if (file !== null) return followAddress(file, (found) => connectTo(found, credential, options));
  return connectTo(address, credential, options);
}

function connectTo(address: string, credential: Credential, options: ClientOptions): CoordinatorClient {
  const target = formatAddress(parseAddress(address, "connect"));
  const controlMs = options.controlMs ?? CONTROL_MS;
  const control = new Peer(target, credential, CONTROL_OPTIONS, options.connectMs);
  const data = new Peer(target, credential, DATA_OPTIONS, options.connectMs);
  return {
    work: workClient(control, controlMs),
    jobs: jobsClient(control, controlMs),
    ...infoClients(control, controlMs),
    data: dataClient(data, controlMs),
    waitReady: (waitMs) => control.waitReady(waitMs),
    close() {
      control.close();
      data.close();
    },
  };
}
