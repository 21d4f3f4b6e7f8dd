import LinuxSystem
import Primitives
import Reactor
import Streams

/// What becomes of descriptors on their way to other processes.
///
/// `run` passes more of them than the kernel lets one user have under way, then receives some when
/// no more can be opened; it is for a limit of 40 descriptors. `cross` gives a child two under each
/// other's numbers.
@ReactorActor
enum DescriptorProbe {
  static func cross() throws {
    let a = try Files.sealedMemory("a", content: Array("A".utf8))
    let b = try Files.sealedMemory("b", content: Array("B".utf8))
    let command = "cat /proc/self/fd/\(a.raw) /proc/self/fd/\(b.raw); echo"
    let child = try ChildProcess.spawn(
      "/bin/sh", arguments: ["-c", command], environment: ["PATH=/usr/bin:/bin"],
      descriptors: [(1, 1), (a.raw, b.raw), (b.raw, a.raw)])
    _ = try child.wait()
  }

  static func run() async throws {
    // Privileges lift the kernel's limit.
    if Identity.isRoot { try Identity.become(uid: 65534, gid: 65534) }
    var pair = try Sockets.packetPair()
    let sender = try PacketChannel(pair.takeFirst())
    let receiver = try PacketChannel(pair.takeSecond())
    let file = SharedDescriptor(try Files.sealedMemory("passed", content: [1]))
    var sent = 0
    while sender.backlog < 4, sent < 100 {
      try sender.send([UInt8(sent)], descriptors: [file.raw, file.raw])
      sent += 1
    }
    let queued = sender.backlog
    var descriptors = 0
    for number in 0..<sent {
      guard let packet = try await receiver.receive() else { break }
      guard packet.bytes == [UInt8(number)], !packet.isTruncated else { continue }
      descriptors += packet.descriptors.count
    }
    print("queued \(queued) all_arrived \(descriptors == 2 * sent)")
    try sender.send([1], descriptors: [file.raw, file.raw])
    var fillers: [SharedDescriptor] = []
    while let filler = try? file.duplicate() { fillers.append(SharedDescriptor(filler)) }
    let crowded = try await receiver.receive()
    print("truncated \(crowded?.isTruncated ?? false) of \(crowded?.descriptors.count ?? -1)")
  }
}
