/**
 * How many connections to S3 a process opens at most. The SDK's own 50 are too few for what a library or a load
 * generator may have under way: over 171 ms, the 293rd request of a second would wait in the client, unseen.
 */
export const CONNECTIONS_MAX = 512;
