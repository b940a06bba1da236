#!/usr/bin/env node
// Set before the SDK can be loaded: it warns about Node versions on stderr, which belongs to this program's messages.
process.env.AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED = 'true';

// Whoever reads the output may stop early (`| head`); there is nobody to tell then.
process.stdout.on('error', (error) => process.exit(error.code === 'EPIPE' ? 0 : 1));

const [{ main }, { processContext }] = await Promise.all([import('../dist/main.js'), import('../dist/cli/context.js')]);
process.exitCode = await main(process.argv.slice(2), processContext());
