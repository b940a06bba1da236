import type * as z from 'zod';
import type { reportSchema } from './schema.ts';

type DeepReadonly<T> = T extends object ? { readonly [K in keyof T]: DeepReadonly<T[K]> } : T;

/** The report of every `bench` and `verify` command; schema.ts describes the fields. */
export type Report = DeepReadonly<z.infer<typeof reportSchema>>;

export type Check = Report['checks'][number];

export type Assertion = Check['assertions'][number];

/** A measured quantity: its samples in order, and their statistics. */
export type Metric = Report['metrics'][string];

/** How one edit of one worker ended. */
export type WorkerReport = NonNullable<Report['workers']>[number];

export type Environment = Report['environment'];
