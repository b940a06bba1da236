import type { Command } from 'commander';
import type { View } from '../../cli/print.ts';
import type { Config } from '../../config/config.ts';
import { withoutUser } from '../../config/proxy.ts';
import type { Setting } from '../../config/setting.ts';
import { messageOf } from '../../core/failure.ts';
import { sqliteEngine } from '../../sqlite/choose-engine.ts';
import type { Execute, Invocation } from '../execute.ts';

export function registerConfigShow(parent: Command, execute: Execute): void {
  const command = parent
    .command('show')
    .description('show each setting and where it comes from')
    .addHelpText('after', '\nExample:\n  $ javumbo config show');
  command.action(() => execute(command, configShow, configView));
}

/** Returns the configuration, with the engine that opens SQLite files here. */
export async function configShow({ config, note }: Invocation): Promise<Config> {
  const { sqliteEngine: setting } = config;
  try {
    const { name } = await sqliteEngine(setting.value);
    return { ...config, sqliteEngine: { ...setting, value: name } };
  } catch (error) {
    note(`warning: ${messageOf(error)}`);
    return config;
  }
}

export const configView: View<Config> = {
  json: (config) =>
    Object.fromEntries(
      settingsOf(config).map(([name, { value, source, name: from }]) => [
        name,
        { value: value ?? null, source, ...(from === undefined ? {} : { from }) },
      ]),
    ),
  table: (config) => ({
    head: ['setting', 'value', 'from'],
    rows: settingsOf(config).map(([name, { value, source, name: from }]) => [
      name,
      String(value ?? ''),
      from === undefined ? source : `${source} ${from}`,
    ]),
  }),
};

// Named with the units that the values have; flags take others too.
function settingsOf({ cacheTtl, historyMax, rtt, timeout, ...others }: Config): [string, Setting<unknown>][] {
  const { httpProxy, httpsProxy } = others;
  const proxies = { httpProxy: shown(httpProxy), httpsProxy: shown(httpsProxy) };
  return Object.entries({
    ...others,
    ...proxies,
    cacheTtlSeconds: cacheTtl,
    historyMaxBytes: historyMax,
    rttMs: rtt,
    timeoutMs: timeout,
  });
}

/** The address of a proxy may hold a password. */
function shown(proxy: Setting<string | undefined>): Setting<string | undefined> {
  return { ...proxy, value: proxy.value === undefined ? undefined : withoutUser(proxy.value) };
}
