declare module 'dynalite' {
  import type { Server } from 'node:http';

  /** How long tables stay in transitional states, in milliseconds. */
  export interface DynaliteOptions {
    readonly createTableMs?: number;
    readonly deleteTableMs?: number;
    readonly updateTableMs?: number;
  }

  export default function dynalite(options?: DynaliteOptions): Server;
}
