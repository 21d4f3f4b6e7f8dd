package import LinuxSystem
package import SystemPackage

extension ServiceManager {
  /// A socket that the manager opened.
  package struct InheritedSocket: Sendable {
    /// `FileDescriptorName=` of its unit, or `unknown`.
    package let name: String
    /// The socket, non-blocking and closed on exec.
    package let descriptor: SharedDescriptor
    /// Where it listens.
    package let address: SocketAddress
  }

  /// Takes over the sockets. To be called once, since each gets its one owner here.
  ///
  /// - Throws: `ENOTSOCK` when a descriptor is no socket, or nothing is open there.
  package func takeSockets() throws(Errno) -> [InheritedSocket] {
    var descriptors: [SharedDescriptor] = []
    for number in 0..<descriptorCount {
      guard let own = try OwnedDescriptor.inherited(Self.firstDescriptor + Int32(number)) else {
        throw Errno.notSocket
      }
      descriptors.append(SharedDescriptor(own))
    }
    var sockets: [InheritedSocket] = []
    for (name, descriptor) in zip(descriptorNames, descriptors) {
      guard try Files.status(of: descriptor.raw).isSocket else { throw Errno.notSocket }
      sockets.append(
        InheritedSocket(
          name: name, descriptor: descriptor, address: try Sockets.localAddress(descriptor.raw)))
    }
    return sockets
  }
}
