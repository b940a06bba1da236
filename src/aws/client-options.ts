import type { Config } from '../config/config.ts';

// A connection that is not there in three seconds will not be.
const CONNECTION_TIMEOUT_MS = 3_000;

/** A logger for the SDK that says nothing. */
export const SILENT = { trace: () => {}, debug: () => {}, info: () => {}, warn: () => {}, error: () => {} };

/**
 * What the clients of all AWS services have in common. `maxAttempts` above 1 only for requests that do the same when they
 * arrive twice: a conditional write can be refused because of its own first attempt, and its retries are ours.
 * (docs/engines.md)
 */
export function clientOptions({ region, profile, timeout }: Config, maxAttempts = 1) {
  return {
    region: region.value,
    ...(profile.value === undefined ? {} : { profile: profile.value }),
    maxAttempts,
    // Left alone, the SDK warns on the console of requests that it does not retry; what matters is thrown anyway.
    logger: SILENT,
    requestHandler: {
      connectionTimeout: Math.min(CONNECTION_TIMEOUT_MS, timeout.value),
      // Unlike the SDK's requestTimeout, which only warns unless told otherwise, this one ends the request.
      socketTimeout: timeout.value,
      httpAgent: { keepAlive: true },
      httpsAgent: { keepAlive: true },
    },
  };
}
