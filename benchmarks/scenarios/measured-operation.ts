/**
 * One operation of one design in a process of its own, which prints the peak of its resident memory in bytes:
 * `node measured-operation.js <design> <read|write> <endpoint> <username> <directory>`.
 */
import { readFileSync } from 'node:fs';
import { type DesignName, openDesign } from '../designs.ts';
import { changeOneNote } from '../seed.ts';

const [design, operation, endpoint = '', username = '', directory = ''] = process.argv.slice(2);
const opened = await openDesign(design as DesignName, endpoint, directory);
const machine = opened.machine();
if (operation === 'read') await machine.read(username);
else await machine.write(username, changeOneNote);
machine.remove();
opened.close();
// Linux counts the memory of whoever started a process as that process's own peak in maxRSS; VmHWM begins with the program.
const [, kilobytes] = /^VmHWM:\s*(\d+) kB$/m.exec(readFileSync('/proc/self/status', 'utf8')) ?? [];
process.stdout.write(String(Number(kilobytes) * 1024));
