import type { AgentOptions } from 'node:https';
import type { S3ClientConfig } from '@aws-sdk/client-s3';
import type { Config } from '../config/config.ts';
import { boundReplies } from './bounded-replies.ts';
import { credentialsOf } from './credentials.ts';
import { TunnelAgent, throughProxies } from './proxy.ts';
import { type Client, tellUnsent } from './unsent.ts';

// A connection not made within three seconds will not be made.
const CONNECTION_TIMEOUT_MS = 3_000;

/**
 * A logger for the SDK that keeps nothing. It lacks `info`, so that the SDK does not put a line together for each request,
 * which takes as long as signing it.
 */
export const SILENT = { trace: () => {}, debug: () => {}, warn: () => {}, error: () => {} } as unknown as NonNullable<
  S3ClientConfig['logger']
>;

/**
 * Returns the options that all AWS clients share. Use `maxAttempts` above 1 only for idempotent requests: a conditional
 * write can be refused because its own first attempt landed, so we retry those ourselves. (docs/engines.md)
 */
export function clientOptions(config: Config, maxAttempts = 1, connections: AgentOptions = { keepAlive: true }) {
  const { region, profile, timeout } = config;
  const connectionTimeout = Math.min(CONNECTION_TIMEOUT_MS, timeout.value);
  const tunnels = config.httpsProxy.value !== undefined;
  return {
    region: region.value,
    // The configuration says where each service is. The SDK would ask environment and profile again, which a context
    // may have left aside.
    ignoreConfiguredEndpointUrls: true,
    ...(profile.value === undefined ? {} : { profile: profile.value }),
    credentialDefaultProvider: credentialsOf,
    maxAttempts,
    // By default the SDK prints warnings about requests that it does not retry; errors are thrown anyway.
    logger: SILENT,
    requestHandler: {
      connectionTimeout,
      // Unlike the SDK's requestTimeout, which by default only warns, this one ends the request.
      socketTimeout: timeout.value,
      httpAgent: connections,
      httpsAgent: tunnels ? new TunnelAgent(config, connections, connectionTimeout) : connections,
    },
  };
}

/** Returns a client that was made with these options, with what stands around each of its requests. */
export function prepared<C extends Client>(client: C, config: Config): C {
  return boundReplies(throughProxies(tellUnsent(client), config));
}
