import type { Config } from '../config/config.ts';

/** What a container of the local function is told and tells, over the channel that `fork` opens. */
export type ContainerOrder =
  | { readonly kind: 'start'; readonly config: Config; readonly version: string; readonly directory: string }
  | { readonly kind: 'call'; readonly payload: string };

export type ContainerMessage =
  /** It has loaded, and waits for its orders. */
  | { readonly kind: 'loaded' }
  /** It takes calls. */
  | { readonly kind: 'ready' }
  | { readonly kind: 'returned'; readonly payload: string }
  | { readonly kind: 'threw'; readonly message: string };
