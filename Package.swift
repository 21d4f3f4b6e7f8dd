// swift-tools-version: 6.2
import PackageDescription

/// One set of compiler settings for the whole house.
let settings: [SwiftSetting] = [
  .swiftLanguageMode(.v6),
  .enableUpcomingFeature("ExistentialAny"),
  .enableUpcomingFeature("InternalImportsByDefault"),
  .enableUpcomingFeature("MemberImportVisibility"),
  .enableUpcomingFeature("NonisolatedNonsendingByDefault"),
  .treatAllWarnings(as: .error),
]

let system: Target.Dependency = .product(name: "SystemPackage", package: "swift-system")
let deque: Target.Dependency = .product(name: "DequeModule", package: "swift-collections")
let heap: Target.Dependency = .product(name: "HeapModule", package: "swift-collections")
let arguments: Target.Dependency = .product(
  name: "ArgumentParser", package: "swift-argument-parser")

/// What thousands of simulated crashes and random workloads run on is optimised in every build.
let optimised: [SwiftSetting] =
  settings + [
    .unsafeFlags(["-O"], .when(configuration: .debug))
  ]
let optimisedRooms: Set = [
  "Primitives", "MailTypes", "QueueFormat", "QueueStore", "QueueScheduler",
]

/// A target of the house and the tests that mirror it.
func room(
  _ name: String, floor: String, imports: [Target.Dependency], tests: [Target.Dependency]? = [],
  hasCorpus: Bool = false
) -> [Target] {
  var targets: [Target] = [
    .target(
      name: name, dependencies: imports, path: "Sources/\(floor)/\(name)",
      swiftSettings: optimisedRooms.contains(name) ? optimised : settings)
  ]
  if let tests {
    targets.append(
      .testTarget(
        name: "\(name)Tests",
        dependencies: [.init(stringLiteral: name), "TestSupport"] + imports + tests,
        path: "Tests/\(name)Tests", exclude: hasCorpus ? ["Corpus"] : [],
        swiftSettings: settings))
  }
  return targets
}

let platform: [Target.Dependency] = [
  "Primitives", "LinuxSystem", "Reactor", "Streams", "TLSEngine",
]
let mail: [Target.Dependency] = ["MailTypes", "SMTPGrammar", "MessageHeaders"]

var targets: [Target] = [
  .target(
    name: "CLinux", path: "Sources/C/CLinux", publicHeadersPath: "include",
    cSettings: [.unsafeFlags(["-Wall", "-Werror"])]),
  .target(
    name: "CChecksum", path: "Sources/C/CChecksum", publicHeadersPath: "include",
    cSettings: [.unsafeFlags(["-Wall", "-Werror"])]),
  .systemLibrary(name: "CPCRE2", path: "Sources/C/CPCRE2"),
  .systemLibrary(
    name: "COpenSSL", path: "Sources/C/COpenSSL", pkgConfig: "openssl",
    providers: [.apt(["libssl-dev"])]),
]
targets += room("Primitives", floor: "Platform", imports: [])
targets += room(
  "LinuxSystem", floor: "Platform", imports: ["CLinux", "Primitives", system])
targets += room(
  "Reactor", floor: "Platform", imports: ["CLinux", "LinuxSystem", "Primitives", deque, system],
  tests: ["ReactorProbe"])
targets += room(
  "TLSEngine", floor: "Platform",
  imports: ["COpenSSL", "Reactor", "LinuxSystem", "Primitives", system])
targets += room(
  "Streams", floor: "Platform",
  imports: ["TLSEngine", "Reactor", "LinuxSystem", "Primitives", system])

targets += room(
  "ServiceManager", floor: "Platform", imports: ["LinuxSystem", "Primitives", system],
  tests: ["ReactorProbe"])

targets += room("MailTypes", floor: "Mail", imports: ["Primitives"])
targets += room(
  "SMTPGrammar", floor: "Mail", imports: ["MailTypes", "Primitives"], hasCorpus: true)
targets += room("SASL", floor: "Mail", imports: ["Primitives"])
targets += room(
  "SMTPServerCore", floor: "Mail", imports: ["SASL", "SMTPGrammar", "MailTypes", "Primitives"],
  hasCorpus: true)
targets += room(
  "SMTPClientCore", floor: "Mail", imports: ["SASL", "SMTPGrammar", "MailTypes", "Primitives"])
targets += room("MilterCore", floor: "Mail", imports: ["MailTypes", "Primitives"])
targets += room("MessageHeaders", floor: "Mail", imports: ["MailTypes", "Primitives"])
targets += room(
  "DeliveryReports", floor: "Mail", imports: ["MessageHeaders", "MailTypes", "Primitives"])

targets += room(
  "Configuration", floor: "Rules", imports: ["SASL", "MailTypes", "Primitives"],
  hasCorpus: true)
targets += room(
  "LookupTables", floor: "Rules", imports: ["CPCRE2", "MailTypes", "Primitives"],
  tests: ["RealPeers"])
targets += room(
  "AddressRewriting", floor: "Rules",
  imports: ["CChecksum", "LookupTables", "MailTypes", "Primitives"])
targets += room("Routing", floor: "Rules", imports: ["LookupTables", "MailTypes", "Primitives"])
targets += room(
  "AccessPolicy", floor: "Rules", imports: ["LookupTables", "MailTypes", "Primitives"])

targets += room(
  "MailSite", floor: "Rules",
  imports: [
    "Configuration", "LookupTables", "AddressRewriting", "Routing", "AccessPolicy", "SASL",
    "MilterCore",
    "MailTypes",
    "Primitives",
  ])

targets += room(
  "TLSPolicy", floor: "Rules",
  imports: [
    "Configuration", "LookupTables", "AddressRewriting", "TLSEngine", "SASL", "MailTypes",
    "Primitives",
  ])

targets += room(
  "QueueFormat", floor: "Queue", imports: ["CChecksum", "MailTypes", "Primitives"], hasCorpus: true)
targets += room(
  "QueueStore", floor: "Queue",
  imports: ["QueueFormat", "Reactor", "LinuxSystem", "MailTypes", "Primitives", system],
  tests: ["Simulation"])
targets += room(
  "QueueScheduler", floor: "Queue", imports: ["MailTypes", "Primitives", deque, heap])

targets += room(
  "ServiceKit", floor: "Services",
  imports: platform + [
    "MailTypes", "Configuration", "LookupTables", "AddressRewriting", "QueueFormat", system,
  ])
targets += room(
  "Master", floor: "Services",
  imports: platform + [
    "ServiceManager", "ServiceKit", "Configuration", "TLSPolicy", "MailTypes", "QueueStore",
    system,
  ])
targets += room(
  "SMTPReceiver", floor: "Services",
  imports: platform + mail + [
    "ServiceKit", "SMTPServerCore", "MilterCore", "DeliveryReports", "Configuration",
    "LookupTables", "AddressRewriting", "MailSite",
    "AccessPolicy", "TLSPolicy", "SASL", "QueueFormat", "QueueStore", system,
  ])
targets += room(
  "QueueManager", floor: "Services",
  imports: platform + mail + [
    "ServiceKit", "Configuration", "LookupTables", "AddressRewriting", "MailSite", "Routing",
    "DeliveryReports", "QueueFormat", "QueueStore", "QueueScheduler", system, deque,
  ])
targets += room(
  "SMTPSender", floor: "Services",
  imports: platform + mail + [
    "ServiceKit", "SMTPClientCore", "Configuration", "LookupTables", "TLSPolicy", "SASL",
    "QueueFormat", system,
  ])
targets += room(
  "LocalDelivery", floor: "Services",
  imports: platform + mail
    + ["ServiceKit", "Configuration", "LookupTables", "AddressRewriting", "QueueFormat", system])
targets += room(
  "Control", floor: "Services",
  imports: platform + ["ServiceKit", "Configuration", "MailTypes", "QueueStore", system])

targets += room(
  "Administration", floor: "Programs",
  imports: platform + [
    "ServiceKit", "Configuration", "MailTypes", "QueueFormat", "QueueStore", "Master", "Control",
    "LocalDelivery", "AccessPolicy", "AddressRewriting", "LookupTables", "MailSite", "TLSPolicy",
    arguments, system,
  ],
  tests: ["RealPeers"])
targets.append(
  .executableTarget(
    name: "martinet",
    dependencies: [
      "Administration", "Master", "SMTPReceiver", "QueueManager", "SMTPSender", "LocalDelivery",
      "Control", "ServiceKit", "Reactor",
    ],
    path: "Sources/Programs/martinet", swiftSettings: settings))

targets += [
  .target(
    name: "TestSupport", dependencies: [], path: "Tests/Support/TestSupport",
    swiftSettings: settings),
  .target(
    name: "Simulation",
    dependencies: ["QueueFormat", "QueueStore", "MailTypes", "Primitives", "TestSupport", system],
    path: "Tests/Support/Simulation", swiftSettings: optimised),
  .target(name: "CAllocationCount", path: "Tests/Support/CAllocationCount"),
  .executableTarget(
    name: "ReactorProbe", dependencies: platform + ["ServiceManager", system],
    path: "Tests/Support/ReactorProbe",
    swiftSettings: settings),
  .testTarget(
    name: "TidyTests", dependencies: [], path: "Tests/TidyTests",
    swiftSettings: settings + [.unsafeFlags(["-O"])]),
  .target(
    name: "RealPeers", dependencies: ["TestSupport", "TLSEngine"], path: "Tests/Support/RealPeers",
    // Always optimised: it makes and compares hundreds of megabytes beside the server under test.
    swiftSettings: settings + [.unsafeFlags(["-O"])]),
  .testTarget(
    name: "TestSupportTests", dependencies: ["TestSupport"], path: "Tests/TestSupportTests",
    swiftSettings: settings),
  .testTarget(
    name: "EndToEnd", dependencies: ["RealPeers", "TestSupport", "TLSEngine", "martinet"],
    path: "Tests/EndToEnd", swiftSettings: settings),
]

let package = Package(
  name: "martinet",
  products: [
    .executable(name: "martinet", targets: ["martinet"]),
    // For a test: Martinet with a `malloc` that counts.
    .executable(name: "martinet-counted", targets: ["martinet", "CAllocationCount"]),
  ],
  dependencies: [
    .package(url: "https://github.com/apple/swift-system", from: "1.8.1"),
    .package(url: "https://github.com/apple/swift-collections", from: "1.6.0"),
    .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2"),
  ],
  targets: targets
)
