import LinuxSystem
import Primitives
import Reactor
import ServiceManager

/// A process whose only thread is the reactor, for what cannot be seen inside a test runner.
///
/// `threads`: every way of starting a task, under load; prints the number of threads seen.
/// `serve PORT CONNECTIONS`: answers until as many connections have come and gone; prints CPU.
/// `ask PORT CONNECTIONS ROUNDS`: asks on all connections at once.
/// `descriptors`: passes more of them than one may; prints what became of the packets.
/// `cross`: starts a child that gets two descriptors under each other's numbers.
/// `sockets`: takes over what a service manager opened; prints name and address of each.
/// `idle COUNT`: holds so many sessions; prints the memory of each.
@main
enum Probe {
  static func main() {
    let words = CommandLine.arguments.dropFirst()
    let numbers = words.dropFirst().compactMap { Int($0) }
    let name = words.first ?? ""
    Reactor.shared.run {
      do {
        switch (name, numbers.count) {
        case ("threads", 0): try await ThreadProbe.run()
        case ("serve", 2):
          try await EchoProbe.serve(port: UInt16(numbers[0]), connections: numbers[1])
        case ("ask", 3):
          try await EchoProbe.ask(
            port: UInt16(numbers[0]), connections: numbers[1], rounds: numbers[2])
        case ("descriptors", 0): try await DescriptorProbe.run()
        case ("cross", 0): try DescriptorProbe.cross()
        case ("sockets", 0):
          for socket in try ServiceManager.take().takeSockets() {
            print(socket.name, socket.address)
          }
        case ("idle", 1): try await EchoProbe.idle(count: numbers[0])
        default:
          print("usage: threads | descriptors | cross | sockets | serve P C | ask P C R | idle N")
        }
      } catch {
        print("failed: \(error)")
      }
    }
  }
}
