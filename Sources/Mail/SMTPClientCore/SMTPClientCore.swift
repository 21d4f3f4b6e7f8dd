// SMTPClientCore
