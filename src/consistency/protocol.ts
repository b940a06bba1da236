import type { Config } from '../config/config.ts';
import type { ReportedOutcome } from './history-file.ts';
import type { SabotageName } from './sabotage.ts';

/** What a started client is to do. */
export interface ClientOrders {
  /** Of the deployment, as this client reaches it. */
  readonly config: Config;
  readonly name: string;
  /** As in PlanOptions. */
  readonly number: number;
  readonly seed: number;
  /** As in PlanOptions. */
  readonly isFocused: boolean;
  /** It sends nothing again. */
  readonly isImpatient: boolean;
  /** How old what it reads may be. */
  readonly stalenessMs: number;
  /** In the order of their roles. */
  readonly users: readonly string[];
  readonly accounts: boolean;
  /** The history file. */
  readonly history: string;
  /** For its own files. */
  readonly directory: string;
  /** Faults that it makes itself, at the ports; empty if something else makes them. */
  readonly faults: readonly string[];
  readonly sabotage?: SabotageName | undefined;
}

/** Counts by fault name. */
export type Counts = Readonly<Record<string, { readonly fired: number; readonly landed: number }>>;

export type ClientMessage =
  | { readonly kind: 'started' | 'ready' }
  /** An operation has ended. `faults`: its own so far. */
  | { readonly kind: 'ended'; readonly outcome: ReportedOutcome | undefined; readonly faults: Counts }
  | { readonly kind: 'done'; readonly faults: Counts }
  | { readonly kind: 'failed'; readonly reason: string };

export type ParentMessage = ({ readonly kind: 'orders' } & ClientOrders) | { readonly kind: 'go' | 'stop' };
