/**
 * NestJS with its shutdown hooks, as its documentation starts it. (Written without decorators' syntax, which needs a compiler: of an
 * app of yours, give dist/main.js.)
 *
 *   npx forkthread examples/programs/nest.js
 *   curl http://127.0.0.1:3000/
 */
import 'reflect-metadata'
import { Controller, Get, Module } from '@nestjs/common'
import { NestFactory } from '@nestjs/core'

class AppController {
  getHello() {
    return 'Hello Nest'
  }
}
const getHello = Object.getOwnPropertyDescriptor(AppController.prototype, 'getHello')
Controller()(AppController)
Get()(AppController.prototype, 'getHello', getHello ?? {})

class AppModule {
  /** @param {string | undefined} signal */
  onApplicationShutdown(signal) {
    console.log(`Nest shuts down: ${signal}`)
  }
}
Module({ controllers: [AppController] })(AppModule)

const app = await NestFactory.create(AppModule, { logger: ['error', 'warn'] })
app.enableShutdownHooks()
await app.listen(process.env.PORT ?? 3000)
