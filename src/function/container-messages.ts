import type { Config } from '../config/config.ts';

/** The messages between the local function and a container, over the channel of `fork`. */
export type ContainerOrder =
  | { readonly kind: 'start'; readonly config: Config; readonly version: string; readonly directory: string }
  | { readonly kind: 'call'; readonly payload: string };

export type ContainerMessage =
  /** Loaded; waits for orders. */
  | { readonly kind: 'loaded' }
  /** Ready for calls. */
  | { readonly kind: 'ready' }
  | { readonly kind: 'returned'; readonly payload: string }
  | { readonly kind: 'threw'; readonly message: string };
