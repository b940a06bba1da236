/**
 * Reports in files. An ordinary file is replaced whole, by a rename at the end, so that nobody ever reads half a report
 * and a run that is killed leaves the old one; a pipe, a device or a file that is mounted is written where it stands.
 */
import { constants } from 'node:fs';
import { access, type FileHandle, open, rm, stat } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import type { Context, Output } from '../core/context.ts';
import { codeOf, JavumboError, messageOf } from '../core/failure.ts';
import { partOf, pathBehindLinks, replaceFile } from '../core/replace-file.ts';
import type { Report } from './document.ts';
import { openFifo } from './fifo.ts';
import { junitOf } from './junit.ts';
import { markdownOf } from './markdown.ts';

export const REPORT_FORMATS = ['json', 'junit', 'markdown'] as const;

/** One `--report <format>=<file>`. */
export interface ReportTarget {
  readonly format: (typeof REPORT_FORMATS)[number];
  readonly file: string;
}

const RENDER: Readonly<Record<ReportTarget['format'], (report: Report) => string>> = {
  json: (report) => `${JSON.stringify(report, null, 2)}\n`,
  junit: junitOf,
  markdown: markdownOf,
};

interface Destination {
  readonly path: string;
  write(text: string): Promise<void>;
}

/** The files that a run reports to. */
export interface ReportFiles {
  /** Writes the report to each of them. Returns why some could not be written, now that the work is done. */
  write(report: Report): Promise<string[]>;
}

/**
 * Makes sure that each file can be written, before the work starts. Throws `usage` where one cannot, where two are the
 * same, and where stdout would hold a report beside the document of `--json`.
 */
export async function openReportFiles(
  targets: readonly ReportTarget[],
  { env, stdout, stderr, random, signal }: Pick<Context, 'env' | 'stdout' | 'stderr' | 'random' | 'signal'>,
  { json }: { readonly json: boolean },
): Promise<ReportFiles> {
  const opened: { readonly target: ReportTarget; readonly destination: Destination }[] = [];
  for (const target of targets) {
    const refuse = (reason: string, hint: string, cause?: unknown): JavumboError =>
      new JavumboError('usage', `--report ${target.format}=${target.file}: ${reason}`, { try: hint, cause });
    const stream = standardStream(target.file, { stdout, stderr });
    if (stream === stdout && json) throw refuse('stdout holds the document of --json', 'a file, or none of the two');
    if (isWithheld(target.file)) {
      const hint = 'a file, >(command), or a higher descriptor, such as /dev/fd/20 with 20>file';
      throw refuse(`descriptors from 3 to ${WITHHELD_MAX} may be Node's own`, hint);
    }
    let destination: Destination;
    try {
      destination =
        stream === undefined
          ? await openFile(target.file, isStepSummary(target, env), { random, signal })
          : { path: target.file, write: async (text) => void stream.write(text) };
    } catch (error) {
      throw refuse(`it cannot be written: ${messageOf(error)}`, 'another file', error);
    }
    if (opened.some((other) => other.destination.path === destination.path)) {
      throw refuse('another report goes there already', 'a file for each');
    }
    opened.push({ target, destination });
  }
  return {
    write: async (report) => {
      const troubles: string[] = [];
      for (const { target, destination } of opened) {
        try {
          await destination.write(RENDER[target.format](report));
        } catch (error) {
          troubles.push(`the report ${target.format}=${target.file} could not be written: ${messageOf(error)}`);
        }
      }
      return troubles;
    },
  };
}

/** By name: opened as files, they would be cut short where the shell sent them into one. */
function standardStream(file: string, { stdout, stderr }: Record<'stdout' | 'stderr', Output>): Output | undefined {
  if (/^\/(dev\/stdout|(dev|proc\/self)\/fd\/1)$/.test(file)) return stdout;
  return /^\/(dev\/stderr|(dev|proc\/self)\/fd\/2)$/.test(file) ? stderr : undefined;
}

// Node takes the lowest numbers that are free for itself: what is found there may be its own, and not what the shell meant.
const WITHHELD_MAX = 16;

function isWithheld(file: string): boolean {
  const [, , number] = /^\/(dev|proc\/self)\/fd\/(\d+)$/.exec(file) ?? [];
  return number !== undefined && Number(number) > 2 && Number(number) <= WITHHELD_MAX;
}

/** The summary of a step in GitHub Actions is added to: what the steps before wrote must stay. */
function isStepSummary({ format, file }: ReportTarget, env: NodeJS.ProcessEnv): boolean {
  const { GITHUB_ACTIONS, GITHUB_STEP_SUMMARY } = env;
  if (!GITHUB_ACTIONS || !GITHUB_STEP_SUMMARY || format !== 'markdown') return false;
  return resolve(file) === resolve(GITHUB_STEP_SUMMARY);
}

async function openFile(
  file: string,
  appending: boolean,
  { random, signal }: Pick<Context, 'random' | 'signal'>,
): Promise<Destination> {
  const path = await pathBehindLinks(file);
  const existing = await stat(path).catch((error: unknown) => {
    if (codeOf(error) === 'ENOENT') return undefined;
    throw error;
  });
  if (existing?.isDirectory()) throw new Error('it is a directory');
  if (existing?.isFIFO()) return { path, ...(await openFifo(path, signal)) };
  if (existing !== undefined && !existing.isFile()) return heldOpen(path, await open(path, 'w'));
  if (appending) return heldOpen(path, await open(path, 'a'), { apart: true });
  if (existing !== undefined) await access(path, constants.W_OK);
  const write = (text: string): Promise<void> => replaceFile(path, text, { mode: existing?.mode, random });
  // An empty file beside it, made and removed, proves that the directory is there and takes files.
  const probe = partOf(path, random);
  try {
    await (await open(probe, 'wx')).close();
  } catch (error) {
    // The probe's own path would only puzzle.
    if (codeOf(error) === 'ENOENT') throw new Error(`there is no directory ${dirname(path)}`);
    throw new Error(`${dirname(path)} takes no file: ${codeOf(error) ?? messageOf(error)}`);
  }
  await rm(probe);
  return { path, write };
}

/** `apart`: with a blank line after what is there, without which a heading may be none. */
function heldOpen(path: string, handle: FileHandle, { apart = false } = {}): Destination {
  return {
    path,
    write: async (text) => {
      try {
        const follows = apart && (await handle.stat()).size > 0;
        await handle.writeFile(follows ? `\n\n${text}` : text);
      } finally {
        await handle.close();
      }
    },
  };
}
