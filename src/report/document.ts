import type { z } from 'zod';
import type { reportSchema } from './schema.ts';

type DeepReadonly<T> = T extends object ? { readonly [K in keyof T]: DeepReadonly<T[K]> } : T;

/** What every `bench` and `verify` command reports; schema.ts says what each field means. */
export type Report = DeepReadonly<z.infer<typeof reportSchema>>;

export type Check = Report['checks'][number];

/** What a test claimed, and whether it held. */
export type Assertion = Check['assertions'][number];

/** A measured quantity: its samples as they came, and what they amount to. */
export type Metric = Report['metrics'][string];

/** How one edit of one worker ended. */
export type WorkerReport = NonNullable<Report['workers']>[number];

export type Environment = Report['environment'];
