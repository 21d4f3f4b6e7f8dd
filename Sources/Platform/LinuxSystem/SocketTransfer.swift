import CLinux
package import SystemPackage

extension Sockets {
  /// Reads what is there into `buffer`, which must not be empty.
  @inline(__always)
  package static func receive(
    _ socket: Int32, into buffer: UnsafeMutableRawBufferPointer
  ) -> Transfer {
    Transfer(reading: clinux_receive(socket, buffer.baseAddress, buffer.count))
  }

  /// Reads like `receive` but leaves the bytes in the socket.
  package static func peek(
    _ socket: Int32, into buffer: UnsafeMutableRawBufferPointer
  ) -> Transfer {
    Transfer(reading: clinux_peek(socket, buffer.baseAddress, buffer.count))
  }

  /// Writes as much as the socket takes; `more` says that more follows at once (`MSG_MORE`).
  @inline(__always)
  package static func send(
    _ socket: Int32, _ bytes: UnsafeRawBufferPointer, more: Bool = false
  ) -> Transfer {
    Transfer(writing: clinux_send(socket, bytes.baseAddress, bytes.count, more))
  }

  /// Writes two buffers, one after the other, with one call.
  package static func send(
    _ socket: Int32, _ first: UnsafeRawBufferPointer, _ second: UnsafeRawBufferPointer,
    more: Bool = false
  ) -> Transfer {
    let parts = (
      clinux_part(base: first.baseAddress, length: first.count),
      clinux_part(base: second.baseAddress, length: second.count)
    )
    return withUnsafeBytes(of: parts) { parts in
      Transfer(
        writing: clinux_send_parts(
          socket, parts.assumingMemoryBound(to: clinux_part.self).baseAddress, 2, more))
    }
  }

  /// Sends bytes of a file from `offset`; `.ended` when the file ends there.
  package static func sendFile(
    _ socket: Int32, file: Int32, offset: Int64, count: Int
  ) -> Transfer {
    var offset = offset
    return Transfer(reading: clinux_sendfile(socket, file, &offset, count))
  }

  /// The most descriptors that one packet carries.
  package static var packetDescriptorLimit: Int { Int(clinux_packet_descriptors_max) }

  /// Sends one packet whole with copies of up to `packetDescriptorLimit` descriptors;
  /// `.wouldBlock` sends nothing.
  ///
  /// `ETOOMANYREFS` means that the peer must first receive descriptors that are under way.
  package static func sendPacket(
    _ socket: Int32, _ bytes: UnsafeRawBufferPointer, descriptors: [Int32] = []
  ) -> Transfer {
    precondition(!bytes.isEmpty, "an empty packet looks like the end")
    return Transfer(
      writing: clinux_send_packet(
        socket, bytes.baseAddress, bytes.count, descriptors, CInt(descriptors.count)))
  }

  /// What `receivePacket` found.
  package enum ReceivedPacket {
    /// `count` bytes are in the buffer. `truncated` tells that bytes or descriptors were lost: the
    /// packet was larger than the buffer, or this process may open no more descriptors.
    case packet(count: Int, descriptors: [SharedDescriptor], truncated: Bool)
    /// There is none now.
    case wouldBlock
    /// The peer closed its end.
    case ended
    /// The call failed.
    case failed(Errno)
  }

  /// Receives one packet and the descriptors that came with it.
  package static func receivePacket(
    _ socket: Int32, into buffer: UnsafeMutableRawBufferPointer
  ) -> ReceivedPacket {
    var packet = clinux_packet()
    let result = clinux_receive_packet(socket, buffer.baseAddress, buffer.count, &packet)
    guard result >= 0 else {
      let errno = systemError(result)
      return errno == .wouldBlock ? .wouldBlock : .failed(errno)
    }
    if packet.count == 0, packet.descriptor_count == 0, !packet.descriptors_truncated {
      return .ended
    }
    return .packet(
      count: Int(packet.count), descriptors: adopt(packet),
      truncated: packet.bytes_truncated || packet.descriptors_truncated)
  }

  private static func adopt(_ packet: clinux_packet) -> [SharedDescriptor] {
    guard packet.descriptor_count > 0 else { return [] }
    return withUnsafeBytes(of: packet.descriptors) { raw in
      raw.assumingMemoryBound(to: Int32.self).prefix(Int(packet.descriptor_count)).map {
        SharedDescriptor(OwnedDescriptor(adopting: $0))
      }
    }
  }
}
