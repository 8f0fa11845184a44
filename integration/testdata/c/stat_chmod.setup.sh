printf x > lower; mkdir dir; ln -s lower sym; : > suid; chmod 4755 suid
