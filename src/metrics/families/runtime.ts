import { type Family, ofProcess } from './declare.ts';

/** Of the process: those of prom-client that are taken over, by their names there. */
export const runtimeFamilies = {
  processCpu: ofProcess('process_cpu_seconds_total', {
    type: 'counter',
    unit: 'seconds',
    help: 'User and system CPU time spent by the daemon.',
  }),
  processCpuUser: ofProcess('process_cpu_user_seconds_total', {
    type: 'counter',
    unit: 'seconds',
    help: 'User CPU time spent by the daemon.',
  }),
  processCpuSystem: ofProcess('process_cpu_system_seconds_total', {
    type: 'counter',
    unit: 'seconds',
    help: 'System CPU time spent by the daemon.',
  }),
  processStartTime: ofProcess('process_start_time_seconds', {
    type: 'gauge',
    unit: 'seconds',
    help: 'When the daemon was started, in seconds since the epoch.',
  }),
  processResidentMemory: ofProcess('process_resident_memory_bytes', {
    type: 'gauge',
    unit: 'bytes',
    help: 'Resident memory of the daemon.',
  }),
  processVirtualMemory: ofProcess('process_virtual_memory_bytes', {
    type: 'gauge',
    unit: 'bytes',
    help: 'Virtual memory of the daemon; on Linux only.',
  }),
  processOpenFds: ofProcess('process_open_fds', {
    type: 'gauge',
    help: 'File descriptors the daemon has open; on Linux only.',
  }),
  processMaxFds: ofProcess('process_max_fds', {
    type: 'gauge',
    help: 'File descriptors the daemon may have open; on Linux only.',
  }),
  nodeVersion: ofProcess('nodejs_version_info', {
    type: 'info',
    labels: ['version', 'major', 'minor', 'patch'],
    help: 'Always 1: the version of Node.js.',
  }),
  nodeHeapTotal: ofProcess('nodejs_heap_size_total_bytes', {
    type: 'gauge',
    unit: 'bytes',
    help: 'Heap that Node.js has reserved.',
  }),
  nodeHeapUsed: ofProcess('nodejs_heap_size_used_bytes', {
    type: 'gauge',
    unit: 'bytes',
    help: 'Heap that Node.js uses.',
  }),
  nodeExternalMemory: ofProcess('nodejs_external_memory_bytes', {
    type: 'gauge',
    unit: 'bytes',
    help: 'Memory outside the heap that Node.js uses, buffers of this page included.',
  }),
  nodeActiveResources: ofProcess('nodejs_active_resources', {
    type: 'gauge',
    labels: ['type'],
    help: 'What keeps the event loop alive, by type.',
  }),
  nodeEventLoopLag: ofProcess('nodejs_eventloop_lag_seconds', {
    type: 'gauge',
    unit: 'seconds',
    help: 'Delay of the event loop when the page before was made.',
  }),
  nodeEventLoopLagMean: ofProcess('nodejs_eventloop_lag_mean_seconds', {
    type: 'gauge',
    unit: 'seconds',
    help: 'Mean delay of the event loop since the page before was made.',
  }),
  nodeEventLoopLagMax: ofProcess('nodejs_eventloop_lag_max_seconds', {
    type: 'gauge',
    unit: 'seconds',
    help: 'Longest delay of the event loop since the page before was made.',
  }),
  nodeEventLoopLagP99: ofProcess('nodejs_eventloop_lag_p99_seconds', {
    type: 'gauge',
    unit: 'seconds',
    help: '99th percentile of the delays of the event loop since the page before was made.',
  }),
  nodeGcDuration: ofProcess('nodejs_gc_duration_seconds', {
    type: 'histogram',
    unit: 'seconds',
    labels: ['kind'],
    help: 'Duration of garbage collections, by kind.',
  }),
} as const satisfies Readonly<Record<string, Family>>;
