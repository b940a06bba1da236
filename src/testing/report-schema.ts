import { Ajv2020 } from 'ajv/dist/2020.js';
import { CACHE } from '../bench/cache.ts';
import { CONCURRENT_FIGURES } from '../bench/concurrent.ts';
import { HIT_RATE } from '../bench/hit-rate.ts';
import { LATENCY } from '../bench/latency.ts';
import { LOAD_FIGURES } from '../bench/load.ts';
import { planVia } from '../commands/bench/via.ts';
import type { Report } from '../report/document.ts';
import { reportJsonSchema } from '../report/schema.ts';
import type { FigureNames } from '../report/threshold.ts';

// An independent validator, so that reports are checked against the JSON Schema and not the code that made it.
const validate = new Ajv2020({ allErrors: true, validateFormats: false, allowUnionTypes: true }).compile(
  reportJsonSchema({ strict: true }),
);

const FIGURES: Readonly<Record<string, FigureNames>> = {
  latency: LATENCY.figures,
  cache: CACHE.figures,
  'hit-rate': HIT_RATE.figures,
  concurrent: CONCURRENT_FIGURES,
  load: LOAD_FIGURES,
};

/** Returns everything the schema refuses in a document, unknown fields included. */
export function reportFindings(document: unknown): string[] {
  if (!validate(document)) {
    return (validate.errors ?? []).map(
      ({ instancePath, message, params }) => `${instancePath} ${message} ${JSON.stringify(params)}`,
    );
  }
  // A benchmark must measure what it declares, or a threshold on it would be refused.
  const { kind, name, metrics, derived, parameters } = document as Report;
  const own = FIGURES[name];
  if (kind === 'verify') return [];
  if (own === undefined) return [`the figures of bench ${name} are not declared`];
  const declared = parameters.via === 'function' ? planVia({ parameters, figures: own }, 'function').figures : own;
  return [
    ...Object.keys(metrics).filter((metric) => !declared.metrics.includes(metric)),
    ...Object.keys(derived).filter((figure) => !declared.derived.includes(figure)),
  ].map((figure) => `${figure} is measured and not declared`);
}

/** Throws unless the document is exactly a report. */
export function asReport(document: unknown): Report {
  const findings = reportFindings(document);
  if (findings.length > 0) throw new Error(`this is no report:\n${findings.join('\n')}`);
  return document as Report;
}
