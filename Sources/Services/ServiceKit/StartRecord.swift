/// What a role needs to know to begin: the first message that `master` sends it.
package struct StartRecord: Equatable, Sendable {
  /// A listening socket that comes along, and the service of `master.cf` that it belongs to.
  package struct Listener: Equatable, Sendable {
    /// The service's name as written in `master.cf`, for the log.
    package var service: String
    /// The index of the service's settings in `serviceSettings`.
    package var settings: UInt32
    /// The words behind the options of a service that has them, such as `pipe`.
    package var arguments: [String]

    /// Names a listener.
    package init(service: String, settings: UInt32, arguments: [String] = []) {
      self.service = service
      self.settings = settings
      self.arguments = arguments
    }
  }

  /// Which process this is.
  package var name: ProcessName
  /// The user to become, or `nil` to stay as one is.
  package var user: UserIdentity?
  /// Where log lines go; the descriptor comes along.
  package var logKind: LogKind
  /// The size of the configuration in its memory file, in bytes.
  package var configurationSize: UInt64
  /// The size of the keys and certificates in their memory file, in bytes; 0 when none comes along.
  package var keyMaterialSize: UInt64
  /// One entry for each listening descriptor that comes along.
  package var listeners: [Listener]
  /// Delivery services of `master.cf` (no descriptors): their names are names of transports.
  package var transports: [Listener]
  /// `-o` settings of services: name and value pairs.
  package var serviceSettings: [[[String]]]
  /// Segment numbers that this process may use: the first and how many.
  package var sequenceFirst: UInt64
  /// How many segment numbers there are.
  package var sequenceCount: UInt32
  /// How many processes of this role there are, for sharing limits.
  package var processCount: UInt32
  /// Which of them this is, from 0: its name may have any index, since it is nobody else's.
  package var processRank: UInt32
  /// To `qmgr`: the processes that deliver by this configuration. Those of another are asked for
  /// nothing: they may not know its transports.
  package var agents: [ProcessName]
  /// Whether the memory in which `qmgr` marks what it has in hand comes along (spool rule R19).
  package var hasRecordMarks: Bool
  /// To `smtpd`: whether the memory of a `LoadBoard` comes along.
  package var hasLoadBoard: Bool
  /// To `smtpd`: clients that are not served for a while.
  package var refusals: [RefusedClients.Entry]
  /// To `smtpd`: its row in the table of clients, whose memory comes along.
  package var clientRow: UInt32?

  /// Makes a record.
  package init(
    name: ProcessName, user: UserIdentity?, logKind: LogKind, configurationSize: UInt64,
    keyMaterialSize: UInt64 = 0, listeners: [Listener] = [], transports: [Listener] = [],
    serviceSettings: [[[String]]] = [],
    sequenceFirst: UInt64 = 0,
    sequenceCount: UInt32 = 0, processCount: UInt32 = 1, processRank: UInt32 = 0,
    agents: [ProcessName] = [], hasRecordMarks: Bool = false,
    hasLoadBoard: Bool = false,
    refusals: [RefusedClients.Entry] = [], clientRow: UInt32? = nil
  ) {
    self.name = name
    self.user = user
    self.logKind = logKind
    self.configurationSize = configurationSize
    self.keyMaterialSize = keyMaterialSize
    self.listeners = listeners
    self.transports = transports
    self.serviceSettings = serviceSettings
    self.sequenceFirst = sequenceFirst
    self.sequenceCount = sequenceCount
    self.processCount = processCount
    self.processRank = processRank
    self.agents = agents
    self.hasRecordMarks = hasRecordMarks
    self.hasLoadBoard = hasLoadBoard
    self.refusals = refusals
    self.clientRow = clientRow
  }

  /// Descriptors that come along behind the listeners: record marks for `qmgr`; for `smtpd` the
  /// load board, the table of clients, then keys.
  var descriptorsBehindListeners: Int {
    [hasRecordMarks, hasLoadBoard, clientRow != nil, keyMaterialSize > 0].count { $0 }
  }

  func encode(into out: inout WireEncoder) {
    out.put(name)
    out.put(user != nil)
    if let user {
      out.put(user.name)
      out.put(user.userID)
      out.put(user.groupID)
    }
    out.put(logKind.rawValue)
    out.put(configurationSize)
    out.put(keyMaterialSize)
    for list in [listeners, transports] {
      out.put(UInt32(list.count))
      for listener in list {
        out.put(listener.service)
        out.put(listener.settings)
        out.put(UInt32(listener.arguments.count))
        for argument in listener.arguments { out.put(argument) }
      }
    }
    out.put(UInt32(serviceSettings.count))
    for settings in serviceSettings {
      out.put(UInt32(settings.count))
      for pair in settings {
        out.put(UInt32(pair.count))
        for text in pair { out.put(text) }
      }
    }
    out.put(sequenceFirst)
    out.put(sequenceCount)
    out.put(processCount)
    out.put(processRank)
    out.put(UInt32(agents.count))
    for agent in agents { out.put(agent) }
    out.put(hasRecordMarks)
    out.put(hasLoadBoard)
    out.put(UInt32(refusals.count))
    for entry in refusals { entry.encode(into: &out) }
    out.put(clientRow != nil)
    if let clientRow { out.put(clientRow) }
  }

  init(from input: inout WireDecoder) throws(WireError) {
    name = try input.processName()
    if try input.bool() {
      user = UserIdentity(
        name: try input.string(), userID: try input.integer(), groupID: try input.integer())
    }
    guard let kind = LogKind(rawValue: try input.integer()) else { throw .invalid }
    logKind = kind
    configurationSize = try input.integer()
    keyMaterialSize = try input.integer()
    let listener = { (input: inout WireDecoder) throws(WireError) in
      Listener(
        service: try input.string(), settings: try input.integer(),
        arguments: try input.list { (input) throws(WireError) in try input.string() })
    }
    listeners = try input.list(listener)
    transports = try input.list(listener)
    serviceSettings = try input.list { (input) throws(WireError) in
      try input.list { (input) throws(WireError) in
        try input.list { (input) throws(WireError) in try input.string() }
      }
    }
    sequenceFirst = try input.integer()
    sequenceCount = try input.integer()
    processCount = try input.integer()
    processRank = try input.integer()
    agents = try input.list { (input) throws(WireError) in try input.processName() }
    hasRecordMarks = try input.bool()
    hasLoadBoard = try input.bool()
    refusals = try input.list { (input) throws(WireError) in
      try RefusedClients.Entry(from: &input)
    }
    if try input.bool() {
      let row: UInt32 = try input.integer()
      clientRow = row
    }
  }
}

/// A user that a role becomes before it reads anything from outside.
package struct UserIdentity: Equatable, Sendable {
  /// The login name, for supplementary groups.
  package var name: String
  /// The numeric user.
  package var userID: UInt32
  /// The user's primary group.
  package var groupID: UInt32

  /// Names a user.
  package init(name: String, userID: UInt32, groupID: UInt32) {
    self.name = name
    self.userID = userID
    self.groupID = groupID
  }
}

/// Where log lines go.
package enum LogKind: UInt8, Sendable {
  /// Lines with a time stamp to a file, terminal or pipe.
  case lines = 1
  /// Datagrams to the system's logger.
  case syslog = 2
}
