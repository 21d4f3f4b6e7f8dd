import COpenSSL

/// Codes that prove a secret without telling it.
package enum AuthenticationCode {
  /// HMAC-MD5 (RFC 2104), as CRAM-MD5 wants it; `nil` where the library does not know MD5.
  package static func hmacMD5(key: [UInt8], text: [UInt8]) -> [UInt8]? {
    var digest = [UInt8](repeating: 0, count: 16)
    // An empty array may have no address, which the library takes for "the key from before".
    let keyBytes = key.isEmpty ? [0] : key
    let textBytes = text.isEmpty ? [0] : text
    let isDone = copenssl_hmac_md5(keyBytes, key.count, textBytes, text.count, &digest)
    return isDone == 1 ? digest : nil
  }
}
