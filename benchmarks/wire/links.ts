import type { LinkSettings } from './lane.ts';

export interface NamedLink extends LinkSettings {
  readonly name: LinkName;
  /** Shown in tables. */
  readonly title: string;
}

export const LINK_NAMES = ['far', 'near', 'none'] as const;
export type LinkName = (typeof LINK_NAMES)[number];

/** `far`: as week 1 measured from a home to S3; `near`: a machine in the region or city; `none`: loopback. */
export const LINKS: readonly NamedLink[] = [
  { name: 'far', title: '171 ms, 20 Mbit/s', rttMs: 171, megabitsPerSecond: 20 },
  { name: 'near', title: '20 ms, 1 Gbit/s', rttMs: 20, megabitsPerSecond: 1_000 },
  { name: 'none', title: 'none', rttMs: 0 },
];
