import Foundation

/// The floors of the house and what each target may import: `ARCHITECTURE.md` in machine form.
struct Layers {
  /// A target of `Sources`.
  struct Room {
    let floor: String
    let imports: Set<String>
  }

  /// Rooms by the name of their target.
  let rooms: [String: Room]

  /// The house as it is meant to be.
  static let house = Layers(rooms: Dictionary(uniqueKeysWithValues: floors.flatMap(\.self)))

  /// What a file of a room imports against the table, as one line of text for each.
  func violations(in file: SwiftText) -> [String] {
    let parts = file.path.split(separator: "/")
    guard parts.count >= 4, parts[0] == "Sources" else { return [] }
    let target = String(parts[2])
    guard let room = rooms[target] else {
      return ["\(file.path): target \(target) is not in the table of layers"]
    }
    var found: [String] = []
    if room.floor != parts[1] { found.append("\(file.path): \(target) belongs to \(room.floor)") }
    for (number, name) in Self.imports(of: file) where !room.imports.contains(name) {
      found.append("\(file.path):\(number): \(target) may not import \(name)")
    }
    return found
  }

  /// The modules that a file imports, with their line numbers.
  static func imports(of file: SwiftText) -> [(Int, String)] {
    let kinds: Set = ["struct", "class", "enum", "protocol", "func", "var", "let", "typealias"]
    return file.code.enumerated().compactMap { index, line in
      let words = line.split(whereSeparator: { " \t;".contains($0) }).map(String.init)
      guard let at = words.firstIndex(of: "import"), words.count > at + 1,
        words[..<at].allSatisfy({ $0.hasPrefix("@") || accessLevels.contains($0) })
      else { return nil }
      let rest = words[(at + 1)...].drop { kinds.contains($0) }
      return rest.first.map { name in (index + 1, String(name.prefix { $0 != "." })) }
    }
  }

  private static let accessLevels: Set = [
    "public", "package", "internal", "fileprivate", "private",
  ]
}

private let platform = ["Primitives", "LinuxSystem", "Reactor", "Streams", "TLSEngine"]
private let mail = ["MailTypes", "SMTPGrammar", "MessageHeaders"]

private func room(
  _ name: String, _ floor: String, _ imports: [String]
) -> (String, Layers.Room) {
  (name, Layers.Room(floor: floor, imports: Set(imports)))
}

/// A pure room imports neither the C library nor anything that reaches the kernel.
private let floors: [[(String, Layers.Room)]] = [
  [
    room("CLinux", "C", []), room("CChecksum", "C", []), room("CPCRE2", "C", []),
    room("COpenSSL", "C", []),
  ],
  [
    room("Primitives", "Platform", []),
    room("LinuxSystem", "Platform", ["CLinux", "Primitives", "SystemPackage", "Glibc"]),
    room(
      "Reactor", "Platform",
      [
        "CLinux", "LinuxSystem", "Primitives", "DequeModule", "SystemPackage", "Glibc",
        "Synchronization",
      ]),
    room(
      "TLSEngine", "Platform",
      ["COpenSSL", "Reactor", "LinuxSystem", "Primitives", "SystemPackage", "Synchronization"]),
    room(
      "Streams", "Platform",
      ["TLSEngine", "Reactor", "LinuxSystem", "Primitives", "SystemPackage"]),
    room("ServiceManager", "Platform", ["LinuxSystem", "Primitives", "SystemPackage", "Glibc"]),
  ],
  [
    room("MailTypes", "Mail", ["Primitives"]),
    room("SMTPGrammar", "Mail", ["MailTypes", "Primitives"]),
    room("SASL", "Mail", ["Primitives"]),
    room("SMTPServerCore", "Mail", ["SASL", "SMTPGrammar", "MailTypes", "Primitives"]),
    room("SMTPClientCore", "Mail", ["SASL", "SMTPGrammar", "MailTypes", "Primitives"]),
    room("MilterCore", "Mail", ["MailTypes", "Primitives"]),
    room("MessageHeaders", "Mail", ["MailTypes", "Primitives"]),
    room("DeliveryReports", "Mail", ["MessageHeaders", "MailTypes", "Primitives"]),
  ],
  [
    room("Configuration", "Rules", ["SASL", "MailTypes", "Primitives"]),
    room("LookupTables", "Rules", ["CPCRE2", "MailTypes", "Primitives"]),
    room(
      "AddressRewriting", "Rules", ["CChecksum", "LookupTables", "MailTypes", "Primitives"]),
    room("Routing", "Rules", ["LookupTables", "MailTypes", "Primitives"]),
    room("AccessPolicy", "Rules", ["LookupTables", "MailTypes", "Primitives"]),
    room(
      "MailSite", "Rules",
      [
        "Configuration", "LookupTables", "AddressRewriting", "Routing", "AccessPolicy",
        "SASL", "MilterCore", "MailTypes", "Primitives",
      ]),
    room(
      "TLSPolicy", "Rules",
      [
        "Configuration", "LookupTables", "AddressRewriting", "TLSEngine", "SASL", "MailTypes",
        "Primitives",
      ]),
  ],
  [
    room("QueueFormat", "Queue", ["CChecksum", "MailTypes", "Primitives"]),
    room(
      "QueueStore", "Queue",
      ["QueueFormat", "Reactor", "LinuxSystem", "MailTypes", "Primitives", "SystemPackage"]),
    room("QueueScheduler", "Queue", ["MailTypes", "Primitives", "DequeModule", "HeapModule"]),
  ],
  services, programs,
]

private let services = [
  room(
    "ServiceKit", "Services",
    platform + [
      "MailTypes", "Configuration", "LookupTables", "AddressRewriting", "QueueFormat",
      "SystemPackage", "Glibc",
    ]),
  room(
    "Master", "Services",
    platform + [
      "ServiceManager", "ServiceKit", "Configuration", "TLSPolicy", "MailTypes", "QueueStore",
      "SystemPackage",
    ]),
  room(
    "SMTPReceiver", "Services",
    platform + mail + [
      "ServiceKit", "SMTPServerCore", "MilterCore", "DeliveryReports", "Configuration",
      "LookupTables", "AddressRewriting", "MailSite", "AccessPolicy", "TLSPolicy", "SASL",
      "QueueFormat",
      "QueueStore", "SystemPackage", "Glibc",
    ]),
  room(
    "QueueManager", "Services",
    platform + mail + [
      "ServiceKit", "Configuration", "LookupTables", "AddressRewriting", "MailSite", "Routing",
      "DeliveryReports", "QueueFormat", "QueueStore", "QueueScheduler", "SystemPackage",
      "DequeModule",
    ]),
  room(
    "SMTPSender", "Services",
    platform + mail + [
      "ServiceKit", "SMTPClientCore", "Configuration", "LookupTables", "TLSPolicy", "SASL",
      "QueueFormat", "SystemPackage",
    ]),
  room(
    "LocalDelivery", "Services",
    platform + mail + [
      "ServiceKit", "Configuration", "LookupTables", "AddressRewriting", "QueueFormat",
      "SystemPackage", "Glibc",
    ]),
  room(
    "Control", "Services",
    platform + ["ServiceKit", "Configuration", "MailTypes", "QueueFormat", "SystemPackage"]),
]

private let programs = [
  room(
    "Administration", "Programs",
    platform + [
      "ServiceKit", "Configuration", "MailTypes", "QueueFormat", "QueueStore", "Master", "Control",
      "LocalDelivery", "AccessPolicy", "AddressRewriting", "LookupTables", "MailSite", "TLSPolicy",
      "ArgumentParser",
      "SystemPackage", "Glibc", "Synchronization",
    ]),
  room(
    "martinet", "Programs",
    [
      "Administration", "Master", "SMTPReceiver", "QueueManager", "SMTPSender", "LocalDelivery",
      "Control", "ServiceKit", "Reactor", "Glibc",
    ]),
]
