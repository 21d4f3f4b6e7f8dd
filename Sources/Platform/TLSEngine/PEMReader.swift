import COpenSSL

/// The one owner of a private key.
final class PrivateKey {
  let pointer: OpaquePointer

  init(adopting pointer: OpaquePointer) { self.pointer = pointer }

  deinit { EVP_PKEY_free(pointer) }
}

/// The one owner of a certificate.
final class Certificate {
  let pointer: OpaquePointer

  init(adopting pointer: OpaquePointer) { self.pointer = pointer }

  deinit { X509_free(pointer) }
}

/// An object of a PEM file that a server has a use for.
enum PEMObject {
  case key(PrivateKey)
  case certificate(Certificate)
}

/// Reads keys and certificates from PEM (RFC 7468); parameters and other objects are passed over.
enum PEMReader {
  /// More objects than any file of certificates has.
  private static let objectsMax = 1000

  static func objects(of file: PEMFile) throws(TLSSetupError) -> [PEMObject] {
    guard let source = BIO_new(BIO_s_mem()) else {
      throw .said(.file(file.name), "cannot be read")
    }
    defer { BIO_free(source) }
    let count = file.bytes.withUnsafeBytes { BIO_write(source, $0.baseAddress, Int32($0.count)) }
    guard count == file.bytes.count || file.bytes.isEmpty else {
      throw .said(.file(file.name), "cannot be read")
    }
    var objects: [PEMObject] = []
    while objects.count < objectsMax {
      guard let object = try next(source, file) else { return objects }
      if let object = object.value { objects.append(object) }
    }
    throw TLSSetupError(file: file.name, "more than \(objectsMax) objects in it")
  }

  private struct Found { let value: PEMObject? }

  /// The next object; `nil` at the end of the file.
  private static func next(
    _ source: OpaquePointer, _ file: PEMFile
  ) throws(TLSSetupError) -> Found? {
    var name: UnsafeMutablePointer<CChar>?
    var header: UnsafeMutablePointer<CChar>?
    var data: UnsafeMutablePointer<UInt8>?
    var length = 0
    ERR_clear_error()
    guard PEM_read_bio(source, &name, &header, &data, &length) == 1, let name, let data else {
      if copenssl_is_end_of_pem(ERR_peek_last_error()) != 0 {
        ERR_clear_error()
        return nil
      }
      throw .said(.file(file.name), "is not in PEM format")
    }
    defer {
      copenssl_free(name)
      copenssl_free(header)
      copenssl_clear_free(data, length)
    }
    let type = String(cString: name)
    if type.hasSuffix("CERTIFICATE") {
      return Found(value: .certificate(try certificate(data, length, file)))
    }
    guard type.hasSuffix("PRIVATE KEY") else { return Found(value: nil) }
    let isEncrypted = header.map { $0.pointee != 0 } ?? false
    guard !isEncrypted, type != "ENCRYPTED PRIVATE KEY" else {
      throw TLSSetupError(
        file: file.name, "the private key is encrypted; a server needs it without a password")
    }
    return Found(value: .key(try key(data, length, file)))
  }

  private static func certificate(
    _ data: UnsafePointer<UInt8>, _ length: Int, _ file: PEMFile
  ) throws(TLSSetupError) -> Certificate {
    var at: UnsafePointer<UInt8>? = data
    guard let pointer = d2i_X509(nil, &at, length) else {
      throw .said(.file(file.name), "a certificate cannot be decoded")
    }
    return Certificate(adopting: pointer)
  }

  private static func key(
    _ data: UnsafePointer<UInt8>, _ length: Int, _ file: PEMFile
  ) throws(TLSSetupError) -> PrivateKey {
    var at: UnsafePointer<UInt8>? = data
    guard let pointer = d2i_AutoPrivateKey(nil, &at, length) else {
      throw .said(.file(file.name), "the private key cannot be decoded")
    }
    return PrivateKey(adopting: pointer)
  }
}
