/// What Postfix has not: the parameters of this architecture.
extension Registry {
  static let own: [any ParameterKey] = [
    IntegerParameter.sessionLimit,
    IntegerParameter.smtpdProcessCount,
    IntegerParameter.smtpdReservePercent,
    IntegerParameter.smtpdReserveLoad,
    IntegerParameter.smtpProcessCount,
    IntegerParameter.queueMessageLimit,
    IntegerParameter.lookupQueueLimit,
    IntegerParameter.accountCacheSize,
    IntegerParameter.spoolRelocationFactor,
    IntegerParameter.smtpdCrashRefusalLimit,
    IntegerParameter.reloadGenerationLimit,
    IntegerParameter.smtpdClientTableSize,
    DurationParameter.commitDelay,
    DurationParameter.smtpdReserveDelay,
    DurationParameter.smtpdReserveTime,
    DurationParameter.queueNoticeInterval,
    DurationParameter.journalSyncInterval,
    DurationParameter.spoolRelocationDelay,
    DurationParameter.spoolStallTime,
    DurationParameter.spoolWriteTimeout,
    DurationParameter.drainTime,
    DurationParameter.reloadDrainTime,
    DurationParameter.lookupTimeout,
    DurationParameter.accountCacheTime,
    DurationParameter.serviceWatchdogTimeout,
    DurationParameter.serviceStartTimeout,
    DurationParameter.serviceLagWarnTime,
    DurationParameter.smtpdCrashRefusalTime,
    DurationParameter.milterTimeLimit,
    SizeParameter.spoolSegmentSize,
    SizeParameter.spoolReserve,
    SizeParameter.spoolRelocationSizeMin,
    SizeParameter.bodyMemoryLimit,
    SizeParameter.spoolSpillLimit,
    SizeParameter.logBufferSize,
    SizeParameter.deliveryMemoryLimit,
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
  /// `smtpd_reserve_percent`
  package static let smtpdReservePercent = Self(
    "smtpd_reserve_percent", default: "50", in: 0...100,
    "The part of the server processes, rounded down, that take connections only while the others "
      + "are busy, full or hung; 0 for none. One process always takes them.")
  /// `smtpd_reserve_load`
  package static let smtpdReserveLoad = Self(
    "smtpd_reserve_load", default: "95", in: 1...99,
    "How busy server processes may be, in percent of their time, before one more takes part.")
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
  /// `spool_relocation_factor`
  package static let spoolRelocationFactor = Self(
    "spool_relocation_factor", default: "4", in: 2...1_000_000,
    "Mail is moved out of spool segments that hold more than so many times its bytes.")
  /// `smtpd_crash_refusal_limit`
  package static let smtpdCrashRefusalLimit = Self(
    "smtpd_crash_refusal_limit", default: "1000", in: 1...2000,
    "Clients that are refused at a time because a server process died at their input.")
  /// `smtpd_client_table_size`
  package static let smtpdClientTableSize = Self(
    "smtpd_client_table_size", default: "32768", in: 512...4_194_304,
    "Clients whose sessions and events are counted at a time; read at start only.")
}

extension IntegerParameter {
  /// `reload_generation_limit`
  package static let reloadGenerationLimit = Self(
    "reload_generation_limit", default: "10", in: 0...100,
    "Configurations whose processes may still be finishing their work after reloads.")
}

extension DurationParameter {
  /// `milter_time_limit`
  package static let milterTimeLimit = Self(
    "milter_time_limit", default: "1h", min: .seconds(1),
    "The most time for a milter to answer a command, or to take a message and answer it, however "
      + "often it says that it is at work.")
  /// `commit_delay`
  package static let commitDelay = Self(
    "commit_delay", default: "2ms",
    "How long a flush waits for more messages.")
  /// `smtpd_reserve_delay`
  package static let smtpdReserveDelay = Self(
    "smtpd_reserve_delay", default: "100ms", min: .milliseconds(1), max: .seconds(10),
    "How long a server process in reserve watches, from a connection on, whether it is needed.")
  /// `smtpd_reserve_time`
  package static let smtpdReserveTime = Self(
    "smtpd_reserve_time", default: "1s", min: .milliseconds(1), max: .seconds(3600),
    "How long a server process that was needed takes connections before that is asked again.")
  /// `queue_notice_interval`
  package static let queueNoticeInterval = Self(
    "queue_notice_interval", default: "10ms", max: .seconds(1),
    "How often at most a server process tells the queue manager of new mail; after a pause the "
      + "first message is told at once.")
  /// `journal_sync_interval`
  package static let journalSyncInterval = Self(
    "journal_sync_interval", default: "1s", min: .milliseconds(10),
    "How often results of deliveries are flushed.")
  /// `spool_relocation_delay`
  package static let spoolRelocationDelay = Self(
    "spool_relocation_delay", default: "60s", min: .milliseconds(10),
    "The pause before the same spool segments are looked at again for mail to move.")
  /// `spool_stall_time`
  package static let spoolStallTime = Self(
    "spool_stall_time", default: "5s", min: .milliseconds(10),
    "New mail is refused while a commit takes longer.")
  /// `spool_write_timeout`
  package static let spoolWriteTimeout = Self(
    "spool_write_timeout", default: "300s", min: .milliseconds(10),
    "How long a session waits for the disk to take a part of a large message.")
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
  /// `service_watchdog_timeout`
  package static let serviceWatchdogTimeout = Self(
    "service_watchdog_timeout", default: "30s",
    "How long a process may not react before it is killed and replaced; 0 for ever.")
  /// `service_start_timeout`
  package static let serviceStartTimeout = Self(
    "service_start_timeout", default: "300s", min: .seconds(1),
    "How long a process may take until it serves before it is killed and replaced.")
  /// `service_lag_warn_time`
  package static let serviceLagWarnTime = Self(
    "service_lag_warn_time", default: "1s", min: .milliseconds(10),
    "How long the event loop of a process may stand still before a warning says so.")
  /// `smtpd_crash_refusal_time`
  package static let smtpdCrashRefusalTime = Self(
    "smtpd_crash_refusal_time", default: "60s",
    "How long a client is refused at whose input a server process died; 0 does not refuse.")
}

extension SizeParameter {
  /// `spool_segment_size`
  package static let spoolSegmentSize = Self(
    "spool_segment_size", default: "67108864", in: 1048576...1073741824,
    "The size at which a spool segment is full, in bytes.")
  /// `spool_reserve`
  package static let spoolReserve = Self(
    "spool_reserve", default: "8388608", in: 1048576...1099511627776,
    "Free room that is left to journals, reports and relocation, in bytes.")
  /// `spool_relocation_size_min`
  package static let spoolRelocationSizeMin = Self(
    "spool_relocation_size_min", default: "1073741824", in: 0...Int64.max,
    "Full spool segments of no more bytes together are left alone while there is room.")
  /// `body_memory_limit`
  package static let bodyMemoryLimit = Self(
    "body_memory_limit", default: "268435456", in: 1048576...Int64.max,
    "Memory of a process for message bodies, in bytes; recipients may take as much again.")
  /// `spool_spill_limit`
  package static let spoolSpillLimit = Self(
    "spool_spill_limit", default: "10737418240", in: 0...Int64.max,
    "Bodies of a process that are written out for want of memory, in bytes.")
  /// `delivery_memory_limit`
  package static let deliveryMemoryLimit = Self(
    "delivery_memory_limit", default: "134217728", in: 1...Int64.max,
    "Memory for copies of messages that users' processes read, in bytes; a larger one goes alone.")
  /// `log_buffer_size`
  package static let logBufferSize = Self(
    "log_buffer_size", default: "1048576", in: 4096...1073741824,
    "Log lines of a process that wait to be written, in bytes.")
}
