/// What Postfix has not: the parameters of this architecture.
extension Registry {
  static let own: [any ParameterKey] = [
    IntegerParameter.sessionLimit,
    IntegerParameter.smtpdProcessCount,
    IntegerParameter.smtpProcessCount,
    IntegerParameter.queueMessageLimit,
    IntegerParameter.lookupQueueLimit,
    IntegerParameter.accountCacheSize,
    DurationParameter.commitDelay,
    DurationParameter.journalSyncInterval,
    DurationParameter.drainTime,
    DurationParameter.reloadDrainTime,
    DurationParameter.lookupTimeout,
    DurationParameter.accountCacheTime,
    SizeParameter.spoolSegmentSize,
    SizeParameter.bodyMemoryLimit,
    SizeParameter.spoolSpillLimit,
    SizeParameter.logBufferSize,
  ]
}

extension IntegerParameter {
  /// `session_limit`
  package static let sessionLimit = Self(
    "session_limit", default: "10000", in: 1...Int(Int32.max),
    "Sessions of one service, or deliveries of one transport, at a time.")
  /// `smtpd_process_count`
  package static let smtpdProcessCount = Self(
    "smtpd_process_count", default: "0", in: 0...256,
    "Server processes; 0 is one per processor, at most 8.")
  /// `smtp_process_count`
  package static let smtpProcessCount = Self(
    "smtp_process_count", default: "0", in: 0...256,
    "Client processes; 0 is one per processor, at most 8.")
  /// `queue_message_limit`
  package static let queueMessageLimit = Self(
    "queue_message_limit", default: "5000000", in: 1...Int(Int32.max),
    "Messages in the queue.")
  /// `lookup_queue_limit`
  package static let lookupQueueLimit = Self(
    "lookup_queue_limit", default: "1000", in: 1...Int(Int32.max),
    "Look-ups of a process that wait for name services or regular expressions.")
  /// `account_cache_size`
  package static let accountCacheSize = Self(
    "account_cache_size", default: "10000", in: 1...Int(Int32.max),
    "Answers of name services that a process keeps.")
}

extension DurationParameter {
  /// `commit_delay`
  package static let commitDelay = Self(
    "commit_delay", default: "2ms",
    "How long a flush waits for more messages.")
  /// `journal_sync_interval`
  package static let journalSyncInterval = Self(
    "journal_sync_interval", default: "1s", min: .milliseconds(10),
    "How often results of deliveries are flushed.")
  /// `drain_time`
  package static let drainTime = Self(
    "drain_time", default: "30s",
    "How long work in hand may take when the system stops.")
  /// `reload_drain_time`
  package static let reloadDrainTime = Self(
    "reload_drain_time", default: "1h",
    "How long old sessions may go on after a reload.")
  /// `lookup_timeout`
  package static let lookupTimeout = Self(
    "lookup_timeout", default: "30s", min: .seconds(1),
    "How long name services or regular expressions may take to answer.")
  /// `account_cache_time`
  package static let accountCacheTime = Self(
    "account_cache_time", default: "60s",
    "How long an answer of name services counts.")
}

extension SizeParameter {
  /// `spool_segment_size`
  package static let spoolSegmentSize = Self(
    "spool_segment_size", default: "67108864", in: 1048576...1073741824,
    "The size at which a spool segment is full, in bytes.")
  /// `body_memory_limit`
  package static let bodyMemoryLimit = Self(
    "body_memory_limit", default: "268435456", in: 1048576...Int64.max,
    "Memory of a process for message bodies, in bytes.")
  /// `spool_spill_limit`
  package static let spoolSpillLimit = Self(
    "spool_spill_limit", default: "10737418240", in: 0...Int64.max,
    "Bodies of a process that are written out for want of memory, in bytes.")
  /// `log_buffer_size`
  package static let logBufferSize = Self(
    "log_buffer_size", default: "1048576", in: 4096...1073741824,
    "Log lines of a process that wait to be written, in bytes.")
}
