import type * as z from "zod";

/**
 * The library of schemas, as an argument: what says how it is written in a job file must not load it in the
 * threads that only do as a checked job says (280 KiB, 20 ms of their start).
 */
export type Zod = typeof z;
